//! Guards: they release what was acquired when they are dropped. The counterpart of Python's
//! `with`.

use greenlet_core::getcurrent;

use super::{RLock, Semaphore};

/// Releases a semaphore once, when it is dropped.
#[must_use = "the semaphore is released when the guard is dropped"]
#[derive(Debug)]
pub struct SemaphoreGuard {
    semaphore: Semaphore,
    /// What the counter may not exceed.
    limit: usize,
}

impl SemaphoreGuard {
    pub(super) fn of(semaphore: &Semaphore, limit: usize) -> SemaphoreGuard {
        SemaphoreGuard {
            semaphore: semaphore.clone(),
            limit,
        }
    }

    /// Does away with the guard: somebody else will release the semaphore, or nobody.
    pub fn forget(mut self) {
        // A limit of 0 lets nothing be released.
        self.limit = 0;
    }
}

impl Drop for SemaphoreGuard {
    fn drop(&mut self) {
        // A bounded one may have been released too often by somebody else, who was not told.
        if self.semaphore.counter() < self.limit {
            self.semaphore.release();
        }
    }
}

/// Releases an [`RLock`] once, when it is dropped, in whatever greenlet that is: who has the guard may release what was
/// acquired with it.
#[must_use = "the lock is released when the guard is dropped"]
#[derive(Debug)]
pub struct RLockGuard {
    lock: RLock,
    /// The id of the greenlet that has acquired it.
    owner: u64,
}

impl RLockGuard {
    /// For what the current greenlet has just acquired.
    pub(super) fn of(lock: &RLock) -> RLockGuard {
        RLockGuard {
            lock: lock.clone(),
            owner: getcurrent().id(),
        }
    }
}

impl Drop for RLockGuard {
    fn drop(&mut self) {
        self.lock.release_of(self.owner);
    }
}
