//! [`RwLock`].

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::poison::{Flag, Watch};
use super::raw_rw_lock::RawRwLock;

/// Data that many threads can read at a time, or one can change.
///
/// ```
/// use gevent_threading::sync::{Arc, RwLock};
/// use gevent_threading::{spawn, yield_now};
///
/// let words = Arc::new(RwLock::new(vec!["one"]));
/// let theirs = words.clone();
/// let reading = words.read().unwrap();
/// let writer = spawn(move || theirs.write().unwrap().push("two"));
/// yield_now(); // the writer waits
/// assert_eq!(reading.len(), 1);
/// drop(reading);
/// writer.join().unwrap();
/// assert_eq!(*words.read().unwrap(), ["one", "two"]);
/// ```
///
/// Those who wait get the lock in their order. So a thread that reads must not call [`read`](RwLock::read) again: if a
/// writer waits, that waits for the writer.
///
/// Source: [`std::sync::RwLock`].
pub struct RwLock<T: ?Sized> {
    poison: Flag,
    inner: lock_api::RwLock<RawRwLock, T>,
}

/// The lock of a reader, which ends when this is dropped.
///
/// Source: [`std::sync::RwLockReadGuard`].
#[must_use = "if this is dropped at once, the lock is freed at once"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized + 'a>(lock_api::RwLockReadGuard<'a, RawRwLock, T>);

/// The lock of a writer, which ends when this is dropped.
///
/// Source: [`std::sync::RwLockWriteGuard`].
#[must_use = "if this is dropped at once, the lock is freed at once"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized + 'a> {
    // Dropped first, while the lock is held.
    watch: Watch<'a>,
    inner: lock_api::RwLockWriteGuard<'a, RawRwLock, T>,
}

impl<T> RwLock<T> {
    /// A free one.
    pub const fn new(value: T) -> RwLock<T> {
        RwLock {
            poison: Flag::new(),
            inner: lock_api::RwLock::new(value),
        }
    }

    /// The data.
    ///
    /// # Errors
    /// With the data, if the lock is poisoned.
    pub fn into_inner(self) -> LockResult<T> {
        let RwLock { poison, inner } = self;
        poison.result(inner.into_inner())
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until nobody writes, nor has waited for longer, and takes the lock to read.
    ///
    /// # Errors
    /// With the lock, if a thread has panicked while it wrote: the lock is *poisoned*.
    ///
    /// # Panics
    /// As [`park`](crate::park), if an exception is thrown into the caller.
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let guard = RwLockReadGuard(self.inner.read());
        self.poison.result(guard)
    }

    /// Takes the lock to read, if nobody writes or waits.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`] if somebody does, or with the lock, if it is poisoned.
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let inner = self.inner.try_read().ok_or(TryLockError::WouldBlock)?;
        Ok(self.poison.result(RwLockReadGuard(inner))?)
    }

    /// Waits until nobody reads or writes, nor has waited for longer, and takes the lock to write.
    ///
    /// # Errors
    /// With the lock, if it is poisoned.
    ///
    /// # Panics
    /// As [`park`](crate::park), if an exception is thrown into the caller.
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let inner = self.inner.write();
        self.poison.result(RwLockWriteGuard {
            watch: self.poison.watch(),
            inner,
        })
    }

    /// Takes the lock to write, if nobody reads, writes or waits.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`] if somebody does, or with the lock, if it is poisoned.
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let inner = self.inner.try_write().ok_or(TryLockError::WouldBlock)?;
        let guard = RwLockWriteGuard {
            watch: self.poison.watch(),
            inner,
        };
        Ok(self.poison.result(guard)?)
    }

    /// Whether a thread has panicked while it wrote.
    pub fn is_poisoned(&self) -> bool {
        self.poison.get()
    }

    /// Has the data count as right again.
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The data, without a lock, as nobody else has it.
    ///
    /// # Errors
    /// With the data, if the lock is poisoned.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.result(self.inner.get_mut())
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// The lock of a reader in the place of this one. Nobody else writes in between.
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        let RwLockWriteGuard { watch, inner } = guard;
        drop(watch);
        RwLockReadGuard(lock_api::RwLockWriteGuard::downgrade(inner))
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => all.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => all.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => all.field("data", &format_args!("<locked>")),
        };
        all.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

// The panic of a writer is noted by the poison; that of a reader is not.
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}
impl<T: ?Sized + RefUnwindSafe> UnwindSafe for RwLockReadGuard<'_, T> {}
impl<T: ?Sized + RefUnwindSafe> RefUnwindSafe for RwLockReadGuard<'_, T> {}
impl<T: ?Sized> UnwindSafe for RwLockWriteGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for RwLockWriteGuard<'_, T> {}
