//! [`Source`]: an object that a waiter can get its value from.

use greenlet_core::Exception;

use crate::error::NotInHubError;
use crate::multiple::MultipleWaiter;
use crate::waiter::Waiter;

/// Something that ends with a value or an exception, and can tell a [`Waiter`] of it: a greenlet,
/// a result.
pub trait Source<T> {
    /// The exception it ended with.
    fn exception(&self) -> Option<Exception>;

    /// The value it ended with.
    fn value(&self) -> Option<T>;

    /// The `GreenletExit` of a greenlet that was killed: it ended well, and has no value.
    fn exit(&self) -> Option<Exception> {
        None
    }
}

impl<T> Waiter<T> {
    /// Gives the getter the value or the exception that the source ended with, or stores it. A link to
    /// a source calls this. From a greenlet that was killed, the getter gets the `GreenletExit` as its
    /// exception. A source that has neither changes nothing.
    ///
    /// Source: `Waiter.__call__` in gevent's `_waiter.py`.
    ///
    /// # Errors
    /// [`NotInHubError`] when there is a getter and the caller is not the hub.
    pub fn call(&self, source: &(impl Source<T> + ?Sized)) -> Result<(), NotInHubError> {
        match outcome(source) {
            Some(Ok(value)) => self.switch(value),
            Some(Err(exception)) => self.throw(exception),
            None => Ok(()),
        }
    }
}

impl<T> MultipleWaiter<T> {
    /// Queues the value that the source ended with, or throws its exception, as [`Waiter::call`] does.
    ///
    /// # Errors
    /// [`NotInHubError`] when there is a getter and the caller is not the hub.
    pub fn call(&self, source: &(impl Source<T> + ?Sized)) -> Result<(), NotInHubError> {
        match outcome(source) {
            Some(Ok(value)) => self.switch(value),
            Some(Err(exception)) => self.throw(exception),
            None => Ok(()),
        }
    }
}

/// The value or the exception that a source ended with.
fn outcome<T>(source: &(impl Source<T> + ?Sized)) -> Option<Result<T, Exception>> {
    match source.exception().or_else(|| source.exit()) {
        Some(exception) => Some(Err(exception)),
        None => source.value().map(Ok),
    }
}
