//! [`BaseQueue`]: putting and getting items, with and without waiting. Source: `SimpleQueue` in gevent's `queue.py`.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::rc::Rc;

use greenlet_core::{Exception, getcurrent};
use hub::Seconds;
use waiter::{ConcurrentObjectUseError, Park};

use super::core::QueueCore;
use super::errors::{Empty, PutError, ShutDown};
use super::futures::{Get, Put};
use super::iter::{Iter, UntilNone};
use super::line::{checked_timeout, wait};
use super::standing::Standing;
use super::storage::Storage;

/// The part that all queues except [`Channel`](super::Channel) have in common.
///
/// It is used by itself as [`SimpleQueue`](super::SimpleQueue); the other queues dereference to it. Handles are cheap
/// to clone and mean the same queue.
///
/// A queue may have a largest size, its `maxsize`. `None` and 0 mean that there is no limit.
///
/// ```
/// use gevent::queue::SimpleQueue;
///
/// let queue = SimpleQueue::new();
/// let getter = gevent::spawn({
///     let queue = queue.clone();
///     move || queue.get()
/// });
/// queue.put("hello")?;
/// assert_eq!(getter.get()?, "hello");
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `SimpleQueue`.
pub struct BaseQueue<S: Storage>(pub(super) Rc<QueueCore<S>>);

/// The reason why there is no item although the wait for one is over.
enum Nothing {
    Empty,
    ShutDown,
}

impl From<Nothing> for Exception {
    #[cold]
    fn from(nothing: Nothing) -> Exception {
        match nothing {
            Nothing::Empty => Exception::new(Empty),
            Nothing::ShutDown => Exception::new(ShutDown),
        }
    }
}

impl<S: Storage> BaseQueue<S> {
    pub(super) fn named(name: &'static str, maxsize: Option<usize>, storage: S) -> Self {
        BaseQueue(Rc::new(QueueCore::new(name, maxsize, storage)))
    }

    /// How many items there are.
    pub fn qsize(&self) -> usize {
        self.0.qsize()
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.qsize()
    }

    /// Whether there are no items.
    pub fn empty(&self) -> bool {
        self.qsize() == 0
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.empty()
    }

    /// Whether there is no space for another item. A queue without a limit is never full.
    pub fn full(&self) -> bool {
        !self.0.has_space()
    }

    /// How many items the queue may hold; `None` if there is no limit.
    pub fn maxsize(&self) -> Option<usize> {
        Some(self.0.maxsize.get()).filter(|limit| *limit > 0)
    }

    /// Changes how many items the queue may hold; `None` and 0 mean no limit. Items that are there already stay.
    pub fn set_maxsize(&self, maxsize: impl Into<Option<usize>>) {
        self.0.maxsize.set(maxsize.into().unwrap_or(0));
        if !self.0.putters.is_empty() {
            self.0.schedule_unlock();
        }
    }

    /// How many greenlets wait for an item.
    pub fn getters(&self) -> usize {
        self.0.getters.len()
    }

    /// How many greenlets wait for space.
    pub fn putters(&self) -> usize {
        self.0.putters.len()
    }

    /// Whether both are handles of the same queue.
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Adds an item; waits while there is no space.
    ///
    /// The item is dropped if the put fails. [`put_timeout`](BaseQueue::put_timeout) with `None` gives it back instead.
    ///
    /// # Errors
    /// [`ShutDown`] if the queue is shut down; [`Full`](super::Full) in the hub if there is no space; any exception
    /// that is thrown into the current greenlet while it waits.
    #[track_caller]
    pub fn put(&self, item: S::Item) -> Result<(), Exception> {
        self.put_within(item, None).map_err(Exception::from)
    }

    /// Puts an item as [`put`](BaseQueue::put) does, but waits for at most `timeout` seconds.
    ///
    /// # Errors
    /// [`PutError::Full`] when the time is over, and otherwise the errors of `put`, all with the item.
    /// [`PutError::Thrown`] also if `timeout` is negative or NaN.
    #[track_caller]
    pub fn put_timeout(&self, item: S::Item, timeout: impl Seconds) -> Result<(), PutError<S::Item>> {
        match checked_timeout(timeout) {
            Ok(timeout) => self.put_within(item, timeout),
            Err(invalid) => Err(PutError::Thrown(Some(item), invalid.into())),
        }
    }

    /// Puts an item as [`put`](BaseQueue::put) does, but does not wait.
    ///
    /// # Errors
    /// [`PutError::Full`] if there is no space, and [`PutError::ShutDown`] if the queue is shut down, both with the
    /// item.
    #[inline]
    pub fn put_nowait(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        let inner = &self.0;
        if inner.is_shutdown.get() {
            return Err(PutError::ShutDown(item));
        }
        if !inner.has_space() && inner.in_hub() {
            inner.make_space();
        }
        if !inner.has_space() {
            return Err(PutError::Full(item));
        }
        inner.store(item);
        Ok(())
    }

    // Inlined, as everything around a switch: see `Hub::switch`.
    #[track_caller]
    #[inline(always)]
    fn put_within(&self, item: S::Item, timeout: Option<f64>) -> Result<(), PutError<S::Item>> {
        let item = match self.put_nowait(item) {
            Err(PutError::Full(item)) => item,
            put => return put,
        };
        let inner = &self.0;
        if inner.in_hub() {
            return Err(PutError::Full(item));
        }
        let park = match Park::on(&inner.hub, inner.name, self.address()) {
            Ok(park) => park,
            Err(exception) => return Err(PutError::Thrown(Some(item), exception)),
        };
        let waiting = inner.putters.stand(&park, Standing::Greenlet(park.resume()));
        // The hook that `Park::on` has called may have made space.
        if !inner.getters.is_empty() || inner.has_space() {
            inner.schedule_unlock();
        }
        let parked = wait(&park, &inner.hub, timeout, self);
        match waiting.take_turn() {
            Ok(()) => {
                inner.store(item);
                Ok(())
            }
            Err(waiting) => {
                drop(waiting);
                match parked {
                    Err(exception) => Err(PutError::Thrown(Some(item), exception)),
                    Ok(()) if inner.is_shutdown.get() => Err(PutError::ShutDown(item)),
                    Ok(()) => Err(PutError::Full(item)),
                }
            }
        }
    }

    /// Takes the next item; waits while there is none.
    ///
    /// # Errors
    /// [`ShutDown`] if the queue is shut down and empty; [`Empty`] in the hub if there is no item; any exception that
    /// is thrown into the current greenlet while it waits;
    /// [`ConcurrentObjectUseError`](crate::exceptions::ConcurrentObjectUseError) in code that the queue itself has
    /// called, see [`Storage`].
    // Inlined, as everything around a switch: see `Hub::switch`.
    #[track_caller]
    #[inline(always)]
    pub fn get(&self) -> Result<S::Item, Exception> {
        match self.0.take_in_turn()? {
            Some(item) => Ok(item),
            None => self.wait_and_take(Some(None)),
        }
    }

    /// Takes an item as [`get`](BaseQueue::get) does, but waits for at most `timeout` seconds.
    ///
    /// # Errors
    /// Fails as `get` does; with [`Empty`] when the time is over; and with
    /// [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is negative or NaN.
    #[track_caller]
    pub fn get_timeout(&self, timeout: impl Seconds) -> Result<S::Item, Exception> {
        let timeout = checked_timeout(timeout)?;
        let item = match timeout {
            Some(0.0) => self.0.take(),
            _ => self.0.take_in_turn()?,
        };
        match item {
            Some(item) => Ok(item),
            None => self.wait_and_take(Some(timeout)),
        }
    }

    /// Takes an item as [`get`](BaseQueue::get) does, but does not wait.
    ///
    /// # Errors
    /// [`Empty`] if there is no item, or [`ShutDown`] if the queue is shut down, too.
    #[track_caller]
    pub fn get_nowait(&self) -> Result<S::Item, Exception> {
        match self.0.take() {
            Some(item) => Ok(item),
            None => self.wait_and_take(None),
        }
    }

    #[track_caller]
    #[inline(always)]
    fn wait_and_take(&self, timeout: Option<Option<f64>>) -> Result<S::Item, Exception> {
        let nothing = self.wait_for_item(timeout)?;
        self.0.take().ok_or_else(|| nothing.into())
    }

    /// Waits until there is an item, at most for the inner timeout. Does not wait if the outer one is `None`, or in the
    /// hub; there it lets greenlets that wait for space put their items. Returns the error for the case that there is
    /// no item nevertheless.
    #[track_caller]
    #[inline(always)]
    fn wait_for_item(&self, timeout: Option<Option<f64>>) -> Result<Nothing, Exception> {
        let inner = &self.0;
        if inner.is_shutdown.get() {
            return Err(Exception::new(ShutDown));
        }
        if inner.in_hub() {
            inner.make_items();
            return Ok(Nothing::Empty);
        }
        let Some(timeout) = timeout else {
            return Err(Exception::new(Empty));
        };
        if inner.is_used_here() {
            return Err(Exception::new(ConcurrentObjectUseError {
                object: inner.name,
                user: format!("{:?}", getcurrent()),
            }));
        }
        let park = Park::on(&inner.hub, inner.name, self.address())?;
        let waiting = inner.getters.stand(&park, Standing::Greenlet(park.resume()));
        // The hook that `Park::on` has called may have put an item.
        if !inner.putters.is_empty() || inner.qsize() > 0 {
            inner.schedule_unlock();
        }
        let parked = wait(&park, &inner.hub, timeout, self);
        match waiting.take_turn() {
            Ok(()) => Ok(Nothing::Empty),
            Err(waiting) => {
                drop(waiting);
                parked?;
                match inner.is_shutdown.get() {
                    // An item may have been put just before the shutdown; the caller tries to take it before it fails.
                    true => Ok(Nothing::ShutDown),
                    false => Err(Exception::new(Empty)),
                }
            }
        }
    }

    /// [`get`](BaseQueue::get) as a future. It has its place in line from its first poll on. If it is dropped, its item
    /// stays in the queue.
    ///
    /// ```
    /// use gevent::future::spawn_local;
    /// use gevent::queue::Queue;
    ///
    /// let queue = Queue::with_maxsize(1);
    /// let producer = spawn_local({
    ///     let queue = queue.clone();
    ///     async move {
    ///         for i in 0..3 {
    ///             queue.put_async(i).await?;
    ///         }
    ///         Ok(())
    ///     }
    /// });
    /// let sum = spawn_local(async move { Ok(queue.get_async().await? + queue.get_async().await? + queue.get()?) });
    /// assert_eq!(sum.get()?, 3);
    /// # producer.get()?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// # Errors
    /// [`ShutDown`] if the queue is shut down and empty, and the `ConcurrentObjectUseError` of `get`.
    pub fn get_async(&self) -> Get<S> {
        Get::new(self.clone())
    }

    /// [`put`](BaseQueue::put) as a future. It has its place in line from its first poll on. If it is dropped before
    /// its turn, the item is dropped with it.
    ///
    /// # Errors
    /// [`PutError::ShutDown`] with the item if the queue is shut down.
    pub fn put_async(&self, item: S::Item) -> Put<S> {
        Put::new(self.clone(), item)
    }

    /// Yields items as they come, and waits for them without a limit. Ends when the queue is
    /// [shut down](super::BaseJoinableQueue::shutdown) and empty. Any other error of [`get`](BaseQueue::get) is yielded
    /// as the last element.
    pub fn iter(&self) -> Iter<'_, Self> {
        Iter::new(self)
    }

    fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }
}

impl<S: Storage<Item: Clone>> BaseQueue<S> {
    /// Returns the next item, which stays in the queue; waits while there is none.
    ///
    /// # Errors
    /// Fails as [`get`](BaseQueue::get) does.
    #[track_caller]
    pub fn peek(&self) -> Result<S::Item, Exception> {
        self.peek_timeout(None)
    }

    /// Returns the next item as [`peek`](BaseQueue::peek) does, but waits for at most `timeout` seconds.
    ///
    /// # Errors
    /// Fails as [`get_timeout`](BaseQueue::get_timeout) does.
    #[track_caller]
    pub fn peek_timeout(&self, timeout: impl Seconds) -> Result<S::Item, Exception> {
        let timeout = checked_timeout(timeout)?;
        match self.0.peek() {
            Some(item) => Ok(item),
            None => self.wait_and_peek(Some(timeout)),
        }
    }

    /// Returns the next item as [`peek`](BaseQueue::peek) does, but does not wait.
    ///
    /// # Errors
    /// Fails as [`get_nowait`](BaseQueue::get_nowait) does.
    #[track_caller]
    pub fn peek_nowait(&self) -> Result<S::Item, Exception> {
        match self.0.peek() {
            Some(item) => Ok(item),
            None => self.wait_and_peek(None),
        }
    }

    #[track_caller]
    fn wait_and_peek(&self, timeout: Option<Option<f64>>) -> Result<S::Item, Exception> {
        let nothing = self.wait_for_item(timeout)?;
        self.0.peek().ok_or_else(|| nothing.into())
    }
}

impl<S: Storage + Clone> BaseQueue<S> {
    /// Another queue of the same size with the same items.
    ///
    /// # Panics
    /// Panics while a method of [`Storage`] changes the queue: in that method (which includes the `Ord` of the items
    /// that it compares), and in other greenlets while it waits.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copied = self.0.look(S::clone);
        let storage = copied.expect("its items are not being compared now");
        BaseQueue::named(self.0.name, self.maxsize(), storage)
    }
}

impl<T: 'static, S: Storage<Item = Option<T>>> BaseQueue<S> {
    /// Yields items as [`iter`](BaseQueue::iter) does, but ends at the first `None`, as gevent's queues do at
    /// `StopIteration`.
    ///
    /// ```
    /// let queue = gevent::queue::Queue::with_items(None, [Some(1), Some(2), None]);
    /// let items: Result<Vec<_>, _> = queue.until_none().collect();
    /// assert_eq!(items?, [1, 2]);
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn until_none(&self) -> UntilNone<'_, Self> {
        UntilNone::new(self)
    }
}

impl<T: 'static> BaseQueue<VecDeque<T>> {
    /// A queue without a limit.
    pub fn new() -> Self {
        Self::with_maxsize(None)
    }

    /// A queue for at most `maxsize` items; `None` and 0 mean no limit.
    pub fn with_maxsize(maxsize: impl Into<Option<usize>>) -> Self {
        Self::with_items(maxsize, [])
    }

    /// A queue for at most `maxsize` items (`None` and 0 mean no limit) that begins with `items`. They may be more than
    /// `maxsize`.
    pub fn with_items(maxsize: impl Into<Option<usize>>, items: impl IntoIterator<Item = T>) -> Self {
        let items = items.into_iter().collect();
        BaseQueue::named("SimpleQueue", maxsize.into(), items)
    }
}

impl<S: Storage> Clone for BaseQueue<S> {
    fn clone(&self) -> Self {
        BaseQueue(self.0.clone())
    }
}

impl<T: 'static> Default for BaseQueue<VecDeque<T>> {
    fn default() -> Self {
        BaseQueue::new()
    }
}

/// Two are equal if they are handles of the same queue.
impl<S: Storage> PartialEq for BaseQueue<S> {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

impl<S: Storage> Eq for BaseQueue<S> {}

impl<S: Storage> Hash for BaseQueue<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
    }
}

impl<S: Storage> fmt::Debug for BaseQueue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
