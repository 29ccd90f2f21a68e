//! The pool of a hub. Source: `Hub.threadpool` in gevent's `hub.py`.

use std::time::Duration;

use greenlet_core::ThreadSlot;
use hub::{Hub, config};

use super::pool::ThreadPool;

/// How many threads the pool of a hub may have: gevent's `Hub.threadpool_size`.
const THREADPOOL_SIZE: usize = 10;

thread_local! {
    static THREADPOOL: ThreadSlot<Option<ThreadPool>> =
        const { ThreadSlot::new(None, || THREADPOOL.with(ThreadSlot::clear)) };
}

/// What a [`Hub`] has besides: `use gevent::threadpool::HubExt` and it has it.
pub trait HubExt {
    /// The hub's own pool, of at most 10 threads; made when it is first asked for. Names are looked
    /// up there, and it is for whatever blocks. Its threads end when they have had nothing to do for
    /// [some time](config::threadpool_idle_task_timeout).
    ///
    /// # Panics
    /// When the hub's loop is destroyed.
    fn threadpool(&self) -> ThreadPool;

    /// Replaces the hub's own pool.
    fn set_threadpool(&self, pool: ThreadPool);
}

impl HubExt for Hub {
    #[track_caller]
    fn threadpool(&self) -> ThreadPool {
        let known = THREADPOOL.with(|slot| slot.with(|pool| pool.borrow().clone()));
        match known.flatten() {
            Some(pool) if pool.hub() == self => pool,
            _ => {
                let idle = config::threadpool_idle_task_timeout();
                let idle = idle.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                let pool = ThreadPool::make(self, THREADPOOL_SIZE, idle);
                self.set_threadpool(pool.clone());
                pool
            }
        }
    }

    fn set_threadpool(&self, pool: ThreadPool) {
        let old = THREADPOOL.with(|slot| slot.with(|known| known.replace(Some(pool))));
        drop(old);
    }
}
