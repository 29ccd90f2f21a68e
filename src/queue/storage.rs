//! [`Storage`]: what is inside of a queue, and in which order it comes out.

use std::collections::VecDeque;

use hub::Slack;

/// The inside of a queue: what decides which item is next. It is implemented for the collections
/// that the queues here are made of; with one of your own,
/// [`BaseJoinableQueue::with_storage`](super::BaseJoinableQueue::with_storage) is a queue of your
/// own.
///
/// One greenlet at a time is in these methods (and in the `Ord` of what a [`PriorityQueue`](super::PriorityQueue)
/// holds). Should it wait there, the others wait their turn to get; what they put is taken in later, as what it puts itself.
/// It cannot get anything out of the very queue meanwhile: there it would wait for itself, so that is an
/// [error](crate::exceptions::ConcurrentObjectUseError). The same holds while an item is cloned that is peeked at, except
/// that any number may do so at a time.
///
/// ```
/// use gevent::queue::{BaseJoinableQueue, Storage};
///
/// /// Holds each item once.
/// #[derive(Default)]
/// struct Unique(std::collections::BTreeSet<u32>);
///
/// impl Storage for Unique {
///     type Item = u32;
///     const NAME: &'static str = "UniqueQueue";
///     fn qsize(&self) -> usize {
///         self.0.len()
///     }
///     fn put_item(&mut self, item: u32) {
///         self.0.insert(item);
///     }
///     fn get_item(&mut self) -> Option<u32> {
///         self.0.pop_first()
///     }
///     fn peek_item(&self) -> Option<&u32> {
///         self.0.first()
///     }
/// }
///
/// let queue = BaseJoinableQueue::with_storage(None, Unique::default());
/// queue.put(7)?;
/// queue.put(7)?;
/// assert_eq!(queue.qsize(), 1);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: `_qsize`, `_put`, `_get` and `_peek` of gevent's queues, which subclasses override.
#[allow(
    clippy::len_without_is_empty,
    reason = "the queue has it, and asks for the size only"
)]
pub trait Storage: 'static {
    /// What the queue holds.
    type Item: 'static;

    /// The name of the queue's type, for its `Debug` output and for lists of waiting greenlets.
    const NAME: &'static str;

    /// How many items there are.
    fn qsize(&self) -> usize;

    /// Adds an item.
    fn put_item(&mut self, item: Self::Item);

    /// Takes the next item; none only if there is none.
    fn get_item(&mut self) -> Option<Self::Item>;

    /// The next item; none only if there is none.
    fn peek_item(&self) -> Option<&Self::Item>;

    /// Takes any item, whichever is at hand: the queue is being emptied, and its items are dropped.
    fn discard_item(&mut self) -> Option<Self::Item> {
        self.get_item()
    }

    /// Whether no method calls anybody else's code, so that nobody can come to wait in one.
    #[doc(hidden)]
    const PLAIN: bool = false;
}

impl<T: 'static> Storage for VecDeque<T> {
    type Item = T;
    const NAME: &'static str = "Queue";
    const PLAIN: bool = true;

    #[inline]
    fn qsize(&self) -> usize {
        self.len()
    }

    #[inline]
    fn put_item(&mut self, item: T) {
        self.push_back(item);
    }

    #[inline]
    fn get_item(&mut self) -> Option<T> {
        let item = self.pop_front();
        self.give_back();
        item
    }

    fn peek_item(&self) -> Option<&T> {
        self.front()
    }
}

impl<T: 'static> Storage for Vec<T> {
    type Item = T;
    const NAME: &'static str = "LifoQueue";
    const PLAIN: bool = true;

    #[inline]
    fn qsize(&self) -> usize {
        self.len()
    }

    #[inline]
    fn put_item(&mut self, item: T) {
        self.push(item);
    }

    #[inline]
    fn get_item(&mut self) -> Option<T> {
        let item = self.pop();
        self.give_back();
        item
    }

    fn peek_item(&self) -> Option<&T> {
        self.last()
    }
}
