//! [`Lock`]: what all locks have in common, for code that takes any of them. In Python such code just calls methods.

use greenlet_core::Exception;
use hub::Seconds;

use super::dummy::{DummyGuard, DummySemaphore};
use super::{BoundedSemaphore, RLock, RLockGuard, Semaphore, SemaphoreGuard};
use crate::threadsafe;

/// A lock of any kind: a [`Semaphore`], a [`BoundedSemaphore`], an [`RLock`], or a [`DummySemaphore`] where there is
/// nothing to guard; also the semaphores of [`threadsafe`]. The methods are those of the types.
///
/// ```
/// use gevent::Exception;
/// use gevent::lock::{DummySemaphore, Lock, RLock, Semaphore};
///
/// fn guarded(lock: &impl Lock) -> Result<(), Exception> {
///     let _held = lock.acquire_guard()?;
///     gevent::sleep(0.001)
/// }
///
/// guarded(&Semaphore::new(1))?;
/// guarded(&RLock::new())?;
/// guarded(&DummySemaphore::new())?;
/// # Ok::<(), Exception>(())
/// ```
pub trait Lock {
    /// What releases the lock when it is dropped.
    type Guard;

    /// Acquires the lock, and returns true. Waits as long as that takes.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile; the lock is not acquired then.
    fn acquire(&self) -> Result<bool, Exception>;

    /// [`acquire`](Lock::acquire), for at most `timeout` seconds. Returns whether the lock was acquired.
    ///
    /// # Errors
    /// As for `acquire`; an error if the time is not a number.
    fn acquire_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception>;

    /// Acquires the lock if that needs no waiting: gevent's `acquire(blocking=False)`. Returns whether it did.
    fn try_acquire(&self) -> bool;

    /// Releases the lock.
    ///
    /// # Errors
    /// The error of the type's own `release`, if it has one: [`OverReleaseError`](super::OverReleaseError),
    /// [`NotOwnedError`](super::NotOwnedError).
    fn release(&self) -> Result<(), Exception>;

    /// Whether acquiring the lock would have to wait; for an [`RLock`], whether anybody holds it.
    fn locked(&self) -> bool;

    /// [`acquire`](Lock::acquire) with a guard that releases the lock: Python's `with lock`.
    ///
    /// # Errors
    /// As for `acquire`.
    fn acquire_guard(&self) -> Result<Self::Guard, Exception>;

    /// [`acquire_timeout`](Lock::acquire_timeout) with a guard that releases the lock.
    ///
    /// # Errors
    /// As for `acquire_timeout`.
    fn acquire_guard_timeout(&self, timeout: impl Seconds) -> Result<Option<Self::Guard>, Exception>;

    /// [`try_acquire`](Lock::try_acquire) with a guard that releases the lock.
    fn try_acquire_guard(&self) -> Option<Self::Guard>;
}

/// Implements [`Lock`] by the type's own methods.
macro_rules! lock {
    ($lock:ty, $guard:ty, $release:expr) => {
        impl Lock for $lock {
            type Guard = $guard;

            #[track_caller]
            fn acquire(&self) -> Result<bool, Exception> {
                self.acquire()
            }

            #[track_caller]
            fn acquire_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
                self.acquire_timeout(timeout)
            }

            fn try_acquire(&self) -> bool {
                self.try_acquire()
            }

            fn release(&self) -> Result<(), Exception> {
                $release(self)
            }

            fn locked(&self) -> bool {
                self.locked()
            }

            #[track_caller]
            fn acquire_guard(&self) -> Result<$guard, Exception> {
                self.acquire_guard()
            }

            #[track_caller]
            fn acquire_guard_timeout(&self, timeout: impl Seconds) -> Result<Option<$guard>, Exception> {
                self.acquire_guard_timeout(timeout)
            }

            fn try_acquire_guard(&self) -> Option<$guard> {
                self.try_acquire_guard()
            }
        }
    };
}

lock!(Semaphore, SemaphoreGuard, |lock: &Semaphore| {
    lock.release();
    Ok(())
});
lock!(BoundedSemaphore, SemaphoreGuard, |lock: &BoundedSemaphore| {
    lock.release()?;
    Ok(())
});
lock!(RLock, RLockGuard, |lock: &RLock| Ok(lock.release()?));
lock!(DummySemaphore, DummyGuard, |lock: &DummySemaphore| {
    lock.release();
    Ok(())
});
lock!(
    threadsafe::Semaphore,
    threadsafe::SemaphoreGuard,
    |lock: &threadsafe::Semaphore| {
        lock.release();
        Ok(())
    }
);
lock!(
    threadsafe::BoundedSemaphore,
    threadsafe::SemaphoreGuard,
    |lock: &threadsafe::BoundedSemaphore| {
        lock.release()?;
        Ok(())
    }
);
