//! [`MultipleWaiter`]: a waiter that loses no value between two `get`s.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use greenlet_core::unwind::drop_each;
use greenlet_core::{ExcInfo, Exception, Slack};

use crate::error::NotInHubError;
use crate::hub::WaitHub;
use crate::waiter::Waiter;

/// A waiter for many values: each [`switch`](MultipleWaiter::switch) is queued, and each
/// [`get`](MultipleWaiter::get) returns one, first in, first out. An exception is not queued: the waiter keeps one, for
/// the `get` that finds no value.
///
/// The other methods tell what [`Waiter`] would tell if each value were only a mark: that a value has come with nobody
/// in `get`. Handles are cheap to clone and mean the same waiter.
///
/// Source: `MultipleWaiter` in gevent's `_waiter.py`.
pub struct MultipleWaiter<T>(Rc<MultipleWaiterBody<T>>);

struct MultipleWaiterBody<T> {
    waiter: Waiter<()>,
    values: RefCell<VecDeque<T>>,
}

impl<T> Drop for MultipleWaiterBody<T> {
    fn drop(&mut self) {
        drop_each(self.values.get_mut().drain(..));
    }
}

impl<T> Clone for MultipleWaiter<T> {
    fn clone(&self) -> Self {
        MultipleWaiter(self.0.clone())
    }
}

impl<T> MultipleWaiter<T> {
    /// An empty waiter in this hub.
    pub fn new(hub: impl Into<Rc<dyn WaitHub>>) -> Self {
        MultipleWaiter(Rc::new(MultipleWaiterBody {
            waiter: Waiter::new(hub),
            values: RefCell::new(VecDeque::new()),
        }))
    }

    /// The waiter's hub.
    pub fn hub(&self) -> &Rc<dyn WaitHub> {
        self.0.waiter.hub()
    }

    /// Forgets the mark or the exception. Values that are queued stay.
    pub fn clear(&self) {
        self.0.waiter.clear();
    }

    /// Whether the waiter holds a mark or an exception. The mark stays when the values are taken.
    pub fn ready(&self) -> bool {
        self.0.waiter.ready()
    }

    /// Whether the waiter holds a mark.
    pub fn successful(&self) -> bool {
        self.0.waiter.successful()
    }

    /// The mark, `Some(true)`, if the waiter holds it. The values themselves are for `get` alone.
    pub fn value(&self) -> Option<bool> {
        self.0.waiter.successful().then_some(true)
    }

    /// The exception that the waiter holds.
    pub fn exception(&self) -> Option<Exception> {
        self.0.waiter.exception()
    }

    /// The [`exc_info`](Exception::exc_info) of the exception that the waiter holds.
    pub fn exc_info(&self) -> Option<ExcInfo> {
        self.0.waiter.exc_info()
    }

    /// Wakes the getter with an exception, or keeps it for the `get` that finds no value. The next
    /// [`switch`](MultipleWaiter::switch) replaces it.
    ///
    /// # Errors
    /// [`NotInHubError`] when there is a getter and the caller is not the hub.
    pub fn throw(&self, exception: impl Into<Exception>) -> Result<(), NotInHubError> {
        self.0.waiter.throw(exception)
    }

    /// Queues `value`, and wakes the getter if there is one. With a tuple it is gevent's `switch_args`.
    ///
    /// # Errors
    /// [`NotInHubError`] when there is a getter and the caller is not the hub; the value is
    /// queued all the same.
    pub fn switch(&self, value: T) -> Result<(), NotInHubError> {
        self.0.values.borrow_mut().push_back(value);
        self.0.waiter.switch(())
    }

    /// The next value; parks the current greenlet in the hub until there is one. Returns the exception that the waiter
    /// holds only if no value is queued; it stays until [`clear`](MultipleWaiter::clear).
    ///
    /// # Errors
    /// As for [`Waiter::get`].
    #[track_caller]
    pub fn get(&self) -> Result<T, Exception> {
        loop {
            if let Some(value) = self.pop() {
                return Ok(value);
            }
            if self.successful() {
                self.clear();
            }
            self.0.waiter.get()?;
        }
    }

    fn pop(&self) -> Option<T> {
        let mut values = self.0.values.borrow_mut();
        let first = values.pop_front();
        values.give_back();
        first
    }
}

impl<T> fmt::Debug for MultipleWaiter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queued = self.0.values.borrow().len();
        write!(f, "<MultipleWaiter queued={queued} {:?}>", self.0.waiter)
    }
}
