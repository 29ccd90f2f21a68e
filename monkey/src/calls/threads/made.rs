//! The virtual threads that were made by `pthread_create`, and are not joined yet.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use gevent_threading::NativeThread;
use libc::pthread_t;
use parking_lot::Mutex;

use crate::guards::never_parks;

/// What the function of a thread has returned: null while it has not.
#[derive(Clone, Default)]
pub(super) struct Answer(Arc<AtomicPtr<c_void>>);

impl Answer {
    pub(super) fn set(&self, answer: *mut c_void) {
        self.0.store(answer, Ordering::Release);
    }

    pub(super) fn get(&self) -> *mut c_void {
        self.0.load(Ordering::Acquire)
    }
}

/// A thread that can be joined.
pub(super) struct Made {
    pub(super) thread: NativeThread,
    pub(super) answer: Answer,
    pub(super) name: Mutex<super::names::Name>,
}

/// All of them. The lock is held for a few steps, in which nobody parks.
pub(super) struct All {
    threads: Mutex<BTreeMap<pthread_t, Arc<Made>>>,
    /// How many there are, so that nobody has to look while there are none.
    count: AtomicUsize,
}

pub(super) fn made() -> &'static All {
    static ALL: All = All {
        threads: Mutex::new(BTreeMap::new()),
        count: AtomicUsize::new(0),
    };
    &ALL
}

impl All {
    pub(super) fn add(&self, number: pthread_t, thread: NativeThread, answer: Answer) {
        let made = Arc::new(Made {
            thread,
            answer,
            name: Mutex::default(),
        });
        self.count.fetch_add(1, Ordering::Relaxed);
        let old = never_parks(|| self.threads.lock().insert(number, made));
        drop(old);
    }

    pub(super) fn find(&self, number: pthread_t) -> Option<Arc<Made>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        never_parks(|| self.threads.lock().get(&number).cloned())
    }

    /// Forgets a thread that was joined, or that nobody will join. Its number is gone when it has ended.
    pub(super) fn remove(&self, number: pthread_t) -> Option<Arc<Made>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let made = never_parks(|| self.threads.lock().remove(&number))?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(made)
    }
}
