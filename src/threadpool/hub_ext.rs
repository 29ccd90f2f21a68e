//! [`HubExt`]: the two thread pools of a hub, one for users and one for the resolver. Source:
//! `Hub.threadpool` in gevent's `hub.py`.

use std::thread::LocalKey;
use std::time::Duration;

use greenlet_core::ThreadSlot;
use hub::{Hub, config};

use super::pool::ThreadPool;

/// How many threads the pool of a hub may have: gevent's `Hub.threadpool_size`.
const THREADPOOL_SIZE: usize = 10;

type PoolSlot = ThreadSlot<Option<ThreadPool>>;

thread_local! {
    static THREADPOOL: PoolSlot = const { PoolSlot::new(None, || THREADPOOL.with(PoolSlot::clear)) };
    static RESOLVER: PoolSlot = const { PoolSlot::new(None, || RESOLVER.with(PoolSlot::clear)) };
}

/// The pool of the hub, which is made if there is none.
fn pool_of(hub: &Hub, kept: &'static LocalKey<PoolSlot>) -> ThreadPool {
    let known = kept.with(|slot| slot.with(|pool| pool.borrow().clone()));
    match known.flatten() {
        Some(pool) if pool.hub() == hub => pool,
        _ => {
            let idle = config::threadpool_idle_task_timeout();
            let idle = idle.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let pool = ThreadPool::make(hub, THREADPOOL_SIZE, idle);
            keep(kept, pool.clone());
            pool
        }
    }
}

fn keep(kept: &'static LocalKey<PoolSlot>, pool: ThreadPool) {
    let old = kept.with(|slot| slot.with(|known| known.replace(Some(pool))));
    drop(old);
}

/// The methods of a [`Hub`] for its thread pools. `use gevent::threadpool::HubExt` adds them.
pub trait HubExt {
    /// The hub's own pool, for any functions that block. It is made, with at most 10 threads, when
    /// it is first asked for. Its threads end when they have had nothing to do for
    /// [some time](config::threadpool_idle_task_timeout).
    fn threadpool(&self) -> ThreadPool;

    /// Replaces the hub's own pool.
    fn set_threadpool(&self, pool: ThreadPool);

    /// The pool in which names are looked up. It is as large as the
    /// [other one](HubExt::threadpool). The two are separate because otherwise nothing could
    /// connect while all threads have long tasks.
    fn resolver_threadpool(&self) -> ThreadPool;

    /// Replaces the pool in which names are looked up.
    fn set_resolver_threadpool(&self, pool: ThreadPool);
}

impl HubExt for Hub {
    fn threadpool(&self) -> ThreadPool {
        pool_of(self, &THREADPOOL)
    }

    fn set_threadpool(&self, pool: ThreadPool) {
        keep(&THREADPOOL, pool);
    }

    fn resolver_threadpool(&self) -> ThreadPool {
        pool_of(self, &RESOLVER)
    }

    fn set_resolver_threadpool(&self, pool: ThreadPool) {
        keep(&RESOLVER, pool);
    }
}
