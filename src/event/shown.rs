//! [`Shown`]: a value that user code reads without a copy, and may replace meanwhile.

use std::cell::RefCell;
use std::rc::Rc;

/// A value that may be looked at with user code, such as its own `Clone`. That code may wait, put another value here,
/// or look again. An allocation is made only if the value is replaced while it is looked at.
pub(super) struct Shown<T> {
    /// The value, borrowed while it is looked at: it then stays where it is.
    value: RefCell<Option<T>>,
    /// The value that was put here while `value` was looked at. It is the current one then.
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

    /// Puts another value here. Returns the replaced values, which the caller drops when all else is done, because
    /// their destructors are user code.
    #[must_use = "what it returns may be dropped only when all else is done"]
    pub(super) fn put(&self, value: T) -> impl Sized + use<T> {
        match self.value.try_borrow_mut() {
            Ok(mut place) => (place.replace(value), self.newer.take()),
            Err(_) => (None, self.newer.replace(Some(Rc::new(value)))),
        }
    }

    /// Calls `look` with the current value, if there is one.
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

/// A guard that ends a look when it is dropped. The end of the last look drops a value that was replaced meanwhile.
struct ForgetOutdated<'a, T>(&'a Shown<T>);

impl<T> Drop for ForgetOutdated<'_, T> {
    fn drop(&mut self) {
        if self.0.newer.borrow().is_some() {
            let outdated = self.0.value.try_borrow_mut().map(|mut value| value.take());
            drop(outdated);
        }
    }
}
