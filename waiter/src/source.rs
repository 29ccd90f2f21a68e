//! Where a waiter can get its value from.

use greenlet_core::Exception;

use crate::error::NotInHubError;
use crate::waiter::Waiter;

/// Something that ends with a value or an exception, and can tell a [`Waiter`] of it: a greenlet,
/// a result.
pub trait Source<T> {
    /// The exception it ended with.
    fn exception(&self) -> Option<Exception>;

    /// The value it ended with.
    fn value(&self) -> Option<T>;
}

impl<T> Waiter<T> {
    /// Gives the getter what the source ended with, or stores it: what a waiter does that is
    /// linked to a source. A source that has neither a value nor an exception changes nothing.
    ///
    /// Source: `Waiter.__call__` in gevent's `_waiter.py`.
    ///
    /// # Errors
    /// [`NotInHubError`] when there is a getter and the caller is not the hub.
    pub fn call(&self, source: &(impl Source<T> + ?Sized)) -> Result<(), NotInHubError> {
        match (source.exception(), source.value()) {
            (Some(exception), _) => self.throw(exception),
            (None, Some(value)) => self.switch(value),
            (None, None) => Ok(()),
        }
    }
}
