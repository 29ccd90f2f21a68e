//! The note that a thread has panicked while it held a lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LockResult, PoisonError};
use std::thread::panicking;

#[derive(Default)]
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) const fn new() -> Flag {
        Flag(AtomicBool::new(false))
    }

    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// To be kept as long as the lock is held, and dropped before it is free.
    pub(super) fn watch(&self) -> Watch<'_> {
        Watch {
            flag: self,
            panics: panicking(),
        }
    }

    /// What a lock returns: an error if it is poisoned.
    pub(super) fn result<T>(&self, value: T) -> LockResult<T> {
        match self.get() {
            false => Ok(value),
            true => Err(PoisonError::new(value)),
        }
    }
}

/// Poisons the lock if the thread begins to panic while this exists.
pub(super) struct Watch<'a> {
    flag: &'a Flag,
    panics: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn flag(&self) -> &'a Flag {
        self.flag
    }
}

impl Drop for Watch<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.panics && panicking() {
            self.flag.0.store(true, Ordering::Relaxed);
        }
    }
}
