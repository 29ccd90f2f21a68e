//! The crate's own locks. They are held for a few instructions, never over a park, and never while code of users runs.
//!
//! They are std's, whose waiters are known by the lock alone. `gevent-monkey` wakes threads by this crate in the midst
//! of a wait of parking_lot's, in which the same thread must not wait by parking_lot once more.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenlet_core::direct;

/// Locks it. Whoever has to wait blocks the thread, also where std's locks let greenlets park: that is for a moment. No
/// panic leaves what it holds half-changed.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    direct(|| mutex.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Waits in the same way, at most for the time that is given.
pub(crate) fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>, limit: Option<Duration>) -> MutexGuard<'a, T> {
    direct(|| match limit {
        None => changed.wait(guard).unwrap_or_else(PoisonError::into_inner),
        Some(limit) => {
            let waited = changed.wait_timeout(guard, limit);
            waited.unwrap_or_else(PoisonError::into_inner).0
        }
    })
}
