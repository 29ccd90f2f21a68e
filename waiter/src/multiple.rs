//! [`MultipleWaiter`]: a waiter that loses no value between two `get`s.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use greenlet_core::unwind::drop_each;
use greenlet_core::{Exception, Slack};

use crate::error::NotInHubError;
use crate::hub::WaitHub;
use crate::waiter::Waiter;

/// A waiter for many values: each [`switch`](MultipleWaiter::switch) is queued, and each
/// [`get`](MultipleWaiter::get) returns one, first in, first out. It handles no exceptions.
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

    /// Queues `value`, and wakes the getter if there is one.
    ///
    /// # Errors
    /// [`NotInHubError`] when there is a getter and the caller is not the hub; the value is
    /// queued all the same.
    pub fn switch(&self, value: T) -> Result<(), NotInHubError> {
        self.0.values.borrow_mut().push_back(value);
        self.0.waiter.switch(())
    }

    /// The next value; parks the current greenlet in the hub until there is one.
    ///
    /// # Errors
    /// As for [`Waiter::get`].
    #[track_caller]
    pub fn get(&self) -> Result<T, Exception> {
        loop {
            if let Some(value) = self.pop() {
                return Ok(value);
            }
            self.0.waiter.clear();
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
