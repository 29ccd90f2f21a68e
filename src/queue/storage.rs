//! [`Storage`]: holds the items of a queue, and decides in which order they come out.

use std::collections::VecDeque;

use hub::Slack;

/// The inside of a queue, which holds the items and decides which of them is next.
///
/// The collections behind the queues of this module implement it. Implement it for a type of your own, and
/// [`BaseJoinableQueue::with_storage`](super::BaseJoinableQueue::with_storage) makes a queue of your own.
///
/// Only one greenlet at a time runs these methods (and the `Ord` of the items in a
/// [`PriorityQueue`](super::PriorityQueue)). If such a method waits:
///
/// - Gets of other greenlets wait until the method has returned.
/// - An item that any greenlet puts meanwhile is added to the storage afterwards.
/// - A get from the same queue by the greenlet that is in the method would wait for itself, so it is an
///   [error](crate::exceptions::ConcurrentObjectUseError).
///
/// All this also holds while a peek clones an item, except that any number of greenlets may peek at a time.
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
    /// The type of the items.
    type Item: 'static;

    /// The name of the queue's type, for its `Debug` output and for lists of waiting greenlets.
    const NAME: &'static str;

    /// How many items there are.
    fn qsize(&self) -> usize;

    /// Adds an item.
    fn put_item(&mut self, item: Self::Item);

    /// Takes the next item out. Returns `None` only if there is no item.
    fn get_item(&mut self) -> Option<Self::Item>;

    /// The next item, which stays. `None` only if there is no item.
    fn peek_item(&self) -> Option<&Self::Item>;

    /// Takes any item out, the one that is easiest to take, to be dropped when the queue is emptied.
    fn discard_item(&mut self) -> Option<Self::Item> {
        self.get_item()
    }

    /// Whether no method calls user code, so that no greenlet can come to wait in one.
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
