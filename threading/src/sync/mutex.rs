//! [`Mutex`].

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::poison::{Flag, Watch};
use super::raw_mutex::RawMutex;
use crate::left_behind::when_left;

/// Data that one thread at a time can use.
///
/// ```
/// use gevent_threading::sync::{Arc, Mutex};
/// use gevent_threading::{spawn, yield_now};
///
/// let count = Arc::new(Mutex::new(0));
/// let threads: Vec<_> = (0..10).map(|_| {
///     let count = count.clone();
///     spawn(move || {
///         let mut count = count.lock().unwrap();
///         let before = *count;
///         yield_now(); // the others that want the lock wait, and all else goes on
///         *count = before + 1;
///     })
/// }).collect();
/// threads.into_iter().for_each(|thread| thread.join().unwrap());
/// assert_eq!(*count.lock().unwrap(), 10);
/// ```
///
/// Source: [`std::sync::Mutex`].
pub struct Mutex<T: ?Sized> {
    poison: Flag,
    inner: lock_api::Mutex<RawMutex, T>,
}

/// The lock of a [`Mutex`], which is free again when this is dropped.
///
/// Source: [`std::sync::MutexGuard`].
#[must_use = "if this is dropped at once, the mutex is unlocked at once"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized + 'a> {
    // Dropped first, while the lock is held.
    watch: Watch<'a>,
    inner: lock_api::MutexGuard<'a, RawMutex, T>,
}

/// A lock that [`Condvar`](super::Condvar) has freed, to take it again.
pub(super) struct Unlocked<'a, T>(&'a Flag, &'a lock_api::Mutex<RawMutex, T>);

impl<T> Mutex<T> {
    /// An unlocked one.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex {
            poison: Flag::new(),
            inner: lock_api::Mutex::new(value),
        }
    }

    /// The data.
    ///
    /// # Errors
    /// With the data, if the mutex is poisoned.
    pub fn into_inner(self) -> LockResult<T> {
        let Mutex { poison, inner } = self;
        poison.result(inner.into_inner())
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until nobody else holds the lock, and takes it. A thread that holds it already waits for ever.
    ///
    /// # Errors
    /// With the lock, if a thread has panicked while it held it: the mutex is *poisoned*.
    ///
    /// # Panics
    /// As [`park`](crate::park), if an exception is thrown into the caller.
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let inner = self.inner.lock();
        self.poison.result(MutexGuard {
            watch: self.poison.watch(),
            inner,
        })
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`] if it is not, or with the lock, if the mutex is poisoned.
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let inner = self.inner.try_lock().ok_or(TryLockError::WouldBlock)?;
        let guard = MutexGuard {
            watch: self.poison.watch(),
            inner,
        };
        Ok(self.poison.result(guard)?)
    }

    /// Whether a thread has panicked while it held the lock.
    pub fn is_poisoned(&self) -> bool {
        self.poison.get()
    }

    /// Has the data count as right again.
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The data, without a lock, as nobody else has the mutex.
    ///
    /// # Errors
    /// With the data, if the mutex is poisoned.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.result(self.inner.get_mut())
    }
}

impl<'a, T> MutexGuard<'a, T> {
    /// Unlocks the mutex.
    pub(super) fn unlock(self) -> Unlocked<'a, T> {
        let MutexGuard { watch, inner } = self;
        Unlocked(watch.flag(), lock_api::MutexGuard::mutex(&inner))
    }
}

impl<'a, T> Unlocked<'a, T> {
    /// Locks it. `left` is called [if the caller is left behind](when_left) meanwhile.
    pub(super) fn lock(self, left: &dyn Fn()) -> LockResult<MutexGuard<'a, T>> {
        let Unlocked(poison, mutex) = self;
        let inner = mutex.try_lock().unwrap_or_else(|| when_left(left, || mutex.lock()));
        poison.result(MutexGuard {
            watch: poison.watch(),
            inner,
        })
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => all.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => all.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => all.field("data", &format_args!("<locked>")),
        };
        all.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

// A panic is noted by the poison.
impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}
impl<T: ?Sized> UnwindSafe for MutexGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for MutexGuard<'_, T> {}
