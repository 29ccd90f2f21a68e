//! Iterating over a queue. Source: `__iter__` and `__next__` of gevent's queues.

use std::fmt;
use std::iter::FusedIterator;

use greenlet_core::Exception;

use super::base::BaseQueue;
use super::channel::Channel;
use super::errors::ShutDown;
use super::storage::Storage;

/// Yields the items of a queue as they come; see [`BaseQueue::iter`].
#[derive(Debug)]
pub struct Iter<'a, Q: ?Sized>(Option<&'a Q>);

/// Yields the items of a queue until the first `None`; see [`BaseQueue::until_none`].
#[derive(Debug)]
pub struct UntilNone<'a, Q: ?Sized>(Iter<'a, Q>);

/// A queue or channel that [`Iter`] gets items from.
pub trait Gets: fmt::Debug {
    /// The type of the items.
    type Item;

    /// Gets the next item; waits while there is none.
    ///
    /// # Errors
    /// The errors of the queue's `get`.
    fn next_item(&self) -> Result<Self::Item, Exception>;
}

impl<S: Storage> Gets for BaseQueue<S> {
    type Item = S::Item;

    #[track_caller]
    fn next_item(&self) -> Result<S::Item, Exception> {
        self.get()
    }
}

impl<T: 'static> Gets for Channel<T> {
    type Item = T;

    #[track_caller]
    fn next_item(&self) -> Result<T, Exception> {
        self.get()
    }
}

impl<'a, Q: Gets + ?Sized> Iter<'a, Q> {
    pub(super) fn new(queue: &'a Q) -> Self {
        Iter(Some(queue))
    }
}

impl<'a, Q: Gets + ?Sized> UntilNone<'a, Q> {
    pub(super) fn new(queue: &'a Q) -> Self {
        UntilNone(Iter::new(queue))
    }
}

impl<Q: Gets + ?Sized> Iterator for Iter<'_, Q> {
    type Item = Result<Q::Item, Exception>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        let next = self.0?.next_item();
        if let Err(exception) = &next {
            self.0 = None;
            if is_end(exception) {
                return None;
            }
        }
        Some(next)
    }
}

impl<Q: Gets + ?Sized> FusedIterator for Iter<'_, Q> {}

/// Whether a get has failed because the queue is shut down and empty. A [`ShutDown`] that was thrown into the waiting
/// greenlet does not count.
pub(crate) fn is_end(exception: &Exception) -> bool {
    exception.error().is::<ShutDown>() && exception.thrown_here().is_none()
}

impl<T, Q: Gets<Item = Option<T>> + ?Sized> Iterator for UntilNone<'_, Q> {
    type Item = Result<T, Exception>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        let next = self.0.next()?.transpose();
        if next.is_none() {
            self.0.0 = None;
        }
        next
    }
}

impl<T, Q: Gets<Item = Option<T>> + ?Sized> FusedIterator for UntilNone<'_, Q> {}

impl<'a, S: Storage> IntoIterator for &'a BaseQueue<S> {
    type Item = Result<S::Item, Exception>;
    type IntoIter = Iter<'a, BaseQueue<S>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T: 'static> IntoIterator for &'a Channel<T> {
    type Item = Result<T, Exception>;
    type IntoIter = Iter<'a, Channel<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
