//! [`Shown`]: a value that others look at in its place, with code that may put another one there meanwhile.

use std::cell::RefCell;
use std::rc::Rc;

/// A value that may be looked at with anybody's code (its own `Clone`), which may wait, put another value here, or
/// look again. It costs no allocation unless a value is replaced while somebody looks.
pub(super) struct Shown<T> {
    /// Borrowed by those who look: it stays where it is then.
    value: RefCell<Option<T>>,
    /// What was put here while `value` was looked at: it counts.
    newer: RefCell<Option<Rc<T>>>,
}

impl<T> Default for Shown<T> {
    fn default() -> Self {
        Shown {
            value: RefCell::new(None),
            newer: RefCell::new(None),
        }
    }
}

impl<T> Shown<T> {
    pub(super) fn is_some(&self) -> bool {
        self.newer.borrow().is_some() || self.value.borrow().is_some()
    }

    /// Puts another value here. Returns what is no longer needed, for the caller to drop when all else is done.
    #[must_use = "what it returns may be dropped only when all else is done"]
    pub(super) fn put(&self, value: T) -> impl Sized + use<T> {
        match self.value.try_borrow_mut() {
            Ok(mut place) => (place.replace(value), self.newer.take()),
            Err(_) => (None, self.newer.replace(Some(Rc::new(value)))),
        }
    }

    /// Calls `look` with the value, if there is one.
    #[inline(always)]
    pub(super) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        let newer = self.newer.borrow().clone();
        if let Some(newer) = newer {
            return Some(look(&newer));
        }
        let _outdated = ForgetOutdated(self);
        self.value.borrow().as_ref().map(look)
    }
}

/// Drops a value that was replaced while somebody looked at it, when the last one has.
struct ForgetOutdated<'a, T>(&'a Shown<T>);

impl<T> Drop for ForgetOutdated<'_, T> {
    fn drop(&mut self) {
        if self.0.newer.borrow().is_some() {
            let outdated = self.0.value.try_borrow_mut().map(|mut value| value.take());
            drop(outdated);
        }
    }
}
