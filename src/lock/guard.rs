//! Guards: they release what was acquired when they are dropped. The counterpart of Python's
//! `with`.

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

/// Releases an [`RLock`] once, when it is dropped.
///
/// A guard that is dropped by another greenlet than the one that acquired the lock releases
/// nothing, for only the owner may.
#[must_use = "the lock is released when the guard is dropped"]
#[derive(Debug)]
pub struct RLockGuard(pub(super) RLock);

impl Drop for RLockGuard {
    fn drop(&mut self) {
        let _ = self.0.release();
    }
}
