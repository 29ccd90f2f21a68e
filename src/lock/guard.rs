//! [`SemaphoreGuard`] and [`RLockGuard`]: guards that release a lock when they are dropped. The
//! counterpart of Python's `with`.

use greenlet_core::getcurrent;

use super::{RLock, Semaphore};

/// A guard that releases its semaphore once, when it is dropped.
#[must_use = "the semaphore is released when the guard is dropped"]
#[derive(Debug)]
pub struct SemaphoreGuard {
    semaphore: Semaphore,
    /// The release is left out if the counter has this value or more.
    limit: usize,
}

impl SemaphoreGuard {
    pub(super) fn of(semaphore: &Semaphore, limit: usize) -> SemaphoreGuard {
        SemaphoreGuard {
            semaphore: semaphore.clone(),
            limit,
        }
    }

    /// Drops the guard without releasing the semaphore: other code will release it, or none.
    pub fn forget(mut self) {
        // With a limit of 0 the drop does not release.
        self.limit = 0;
    }
}

impl Drop for SemaphoreGuard {
    fn drop(&mut self) {
        // Other code may have released a bounded semaphore in place of this guard. A drop cannot
        // return that error.
        if self.semaphore.counter() < self.limit {
            self.semaphore.release();
        }
    }
}

/// A guard that releases its [`RLock`] once, when it is dropped. Any greenlet may drop it, also one
/// that does not hold the lock.
#[must_use = "the lock is released when the guard is dropped"]
#[derive(Debug)]
pub struct RLockGuard {
    lock: RLock,
    /// The id of the greenlet that has acquired the lock.
    owner: u64,
}

impl RLockGuard {
    /// The guard of a lock that the current greenlet has just acquired.
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
