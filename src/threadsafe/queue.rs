//! [`Queue`]: the queue of gevent's `queue.py`, for several threads.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::iter::FusedIterator;
use std::mem::needs_drop;
use std::ptr;
use std::sync::Arc;

use greenlet_core::unwind::drop_each;
use greenlet_core::{Exception, getcurrent};
use hub::{Seconds, Slack, get_hub_if_exists};
use parking_lot::{Mutex, MutexGuard};
use waiter::ConcurrentObjectUseError;

use super::line::{Given, Lined, Permits, ThreadsafeLine, Told, hand, wait, watch};
use super::peek::Lent;
use crate::lock::Deadline;
use crate::queue::{Empty, PutError, ShutDown, TaskDoneError, is_end};

/// A queue, first in, first out, whose ends may be in different threads. Handles are cheap to clone and mean the same
/// queue.
///
/// Items and space are handed to waiting greenlets and threads in the order in which these came. Like a
/// [`queue::Queue`](crate::queue::Queue), it counts [tasks](Queue::task_done), which can be [joined](Queue::join), and
/// can be [shut down](Queue::shutdown).
///
/// ```
/// use gevent::threadsafe::Queue;
///
/// let queue = Queue::with_maxsize(2);
/// let producer = std::thread::spawn({
///     let queue = queue.clone();
///     move || {
///         for i in 0..5 {
///             queue.put(i)?; // waits while there are two
///         }
///         queue.shutdown(false);
///         Ok::<(), gevent::Exception>(())
///     }
/// });
/// let got: Result<Vec<i32>, _> = queue.iter().collect();
/// assert_eq!(got?, [0, 1, 2, 3, 4]);
/// producer.join().unwrap()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
pub struct Queue<T>(pub(super) Arc<Mutex<QueueState<T>>>);

pub(super) struct QueueState<T> {
    pub(super) items: VecDeque<T>,
    /// The first item, while greenlets peek at it. It comes before all `items`.
    pub(super) lent: Option<Lent<T>>,
    /// The waiters for the lent item to come back.
    pub(super) lent_line: ThreadsafeLine,
    maxsize: Option<usize>,
    /// How many items there are that are not promised to a getter.
    gettable: Permits,
    /// How many places are free and not promised to a putter. Not used without a limit.
    space: Permits,
    shut: bool,
    unfinished_tasks: usize,
    joiners: ThreadsafeLine,
}

/// Names a line of the queue.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Get,
    Put,
    /// The line for all tasks to be done.
    Join,
    /// The line for the first item, while greenlets peek at it.
    Lent,
}

impl<T: Send + 'static> Lined for QueueState<T> {
    const KIND: &'static str = "threadsafe::Queue";
    type Which = End;

    fn line(&mut self, end: End) -> &mut ThreadsafeLine {
        match end {
            End::Get => &mut self.gettable.line,
            End::Put => &mut self.space.line,
            End::Join => &mut self.joiners,
            End::Lent => &mut self.lent_line,
        }
    }

    fn give_back(&mut self, end: End) -> Given {
        match end {
            End::Get => self.gettable.give(),
            End::Put => self.space.give(),
            End::Join | End::Lent => Given::default(),
        }
    }
}

impl<T> QueueState<T> {
    fn take_space(&mut self) -> bool {
        self.maxsize.is_none() || self.space.try_take()
    }

    /// Has a putter go on: because there is space, which is its own then, or because the queue is shut down.
    pub(super) fn take_space_or_shut(&mut self) -> bool {
        self.shut || self.take_space()
    }

    /// Has a getter go on: because there is an item, which is promised to it then, or because there never will be one.
    pub(super) fn take_item(&mut self) -> bool {
        self.over() || self.gettable.try_take()
    }

    /// Whether the queue is shut down and empty, so that gets fail. Promised items count as there: one may come back
    /// from a getter that is killed, and other getters wait for that.
    pub(super) fn over(&self) -> bool {
        self.shut && self.is_empty()
    }

    fn len(&self) -> usize {
        self.items.len() + usize::from(self.lent.is_some())
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts `tasks` as done. Returns the waiters to be woken if no task is left.
    fn done(&mut self, tasks: usize) -> Told {
        self.unfinished_tasks -= tasks;
        match self.unfinished_tasks {
            0 => self.joiners.grant_all(),
            _ => Told::default(),
        }
    }
}

impl<T> Queue<T> {
    /// An empty queue without a limit.
    pub fn new() -> Self {
        Queue::with_maxsize(None)
    }

    /// An empty queue for at most `maxsize` items; `None` and 0 mean no limit.
    pub fn with_maxsize(maxsize: impl Into<Option<usize>>) -> Self {
        let maxsize = maxsize.into().filter(|&maxsize| maxsize > 0);
        Queue(Arc::new(Mutex::new(QueueState {
            items: VecDeque::new(),
            lent: None,
            lent_line: ThreadsafeLine::default(),
            maxsize,
            gettable: Permits::new(0),
            space: Permits::new(maxsize.unwrap_or(0)),
            shut: false,
            unfinished_tasks: 0,
            joiners: ThreadsafeLine::default(),
        })))
    }

    /// How many items are in the queue.
    pub fn qsize(&self) -> usize {
        self.0.lock().len()
    }

    /// The same as [`qsize`](Queue::qsize).
    pub fn len(&self) -> usize {
        self.qsize()
    }

    /// Whether there are no items in the queue.
    pub fn empty(&self) -> bool {
        self.qsize() == 0
    }

    /// The same as [`empty`](Queue::empty).
    pub fn is_empty(&self) -> bool {
        self.empty()
    }

    /// Whether there is no space in the queue. A queue without a limit is never full.
    pub fn full(&self) -> bool {
        let state = self.0.lock();
        (state.maxsize).is_some_and(|maxsize| state.len() >= maxsize)
    }

    /// How many items the queue may hold; `None` if there is no limit.
    pub fn maxsize(&self) -> Option<usize> {
        self.0.lock().maxsize
    }

    /// How many greenlets and threads wait for an item.
    pub fn getters(&self) -> usize {
        self.0.lock().gettable.line.len()
    }

    /// How many greenlets and threads wait for space.
    pub fn putters(&self) -> usize {
        self.0.lock().space.line.len()
    }

    /// How many tasks are unfinished: items that were put into the queue and are not [done](Queue::task_done).
    pub fn unfinished_tasks(&self) -> usize {
        self.0.lock().unfinished_tasks
    }

    /// Whether the queue is [shut down](Queue::shutdown).
    pub fn is_shutdown(&self) -> bool {
        self.0.lock().shut
    }
}

/// The promise of an item to the current greenlet, which lets other greenlets run before it takes the item, or waits
/// until the item is back from a peek. Its drop passes the promise on, if the greenlet does not take the item.
struct Taken<'a, T: Send + 'static>(&'a Arc<Mutex<QueueState<T>>>);

impl<T: Send + 'static> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        let given = self.0.lock().give_back(End::Get);
        hand(self.0, End::Get, given);
    }
}

impl<T: Send + 'static> Queue<T> {
    /// Puts an item for which space was taken, unless the queue is shut down.
    fn push(&self, mut state: MutexGuard<'_, QueueState<T>>, item: T) -> Result<(), PutError<T>> {
        if state.shut {
            return Err(PutError::ShutDown(item));
        }
        state.items.push_back(item);
        state.unfinished_tasks += 1;
        let given = state.gettable.give();
        drop(state);
        hand(&self.0, End::Get, given);
        Ok(())
    }

    /// Takes the first item, which is there unless the queue is shut down. Waits while greenlets peek at it.
    #[track_caller]
    fn pop<'a>(&'a self, mut state: MutexGuard<'a, QueueState<T>>, deadline: Deadline) -> Result<T, Exception> {
        while let Some(lent) = &state.lent {
            let taken = Taken(&self.0);
            if lent.is_used_here() {
                drop(state);
                return Err(self.used_here());
            }
            drop(state);
            let is_back = |state: &mut QueueState<T>| state.lent.is_none();
            if !wait(&self.0, End::Lent, is_back, deadline.left())? {
                return Err(Exception::new(Empty));
            }
            std::mem::forget(taken);
            state = self.0.lock();
        }
        self.take_first(state)
    }

    /// Takes the first item, which was promised and at which nobody peeks.
    #[track_caller]
    fn take_first(&self, mut state: MutexGuard<'_, QueueState<T>>) -> Result<T, Exception> {
        let Some(item) = state.items.pop_front() else {
            return Err(Exception::new(ShutDown));
        };
        state.items.give_back();
        let given = match state.maxsize {
            Some(_) => state.space.give(),
            None => Given::default(),
        };
        let told = match state.over() {
            true => state.gettable.line.grant_all(),
            false => Told::default(),
        };
        drop(state);
        hand(&self.0, End::Put, given);
        told.wake();
        Ok(item)
    }

    /// Takes the first item, which was promised. `None` while a greenlet peeks at it.
    pub(super) fn try_pop(&self) -> Option<Result<T, Exception>> {
        let state = self.0.lock();
        match &state.lent {
            None => Some(self.take_first(state)),
            Some(lent) if lent.is_used_here() => {
                drop(state);
                self.take_back();
                Some(Err(self.used_here()))
            }
            Some(_) => None,
        }
    }

    /// Passes on the promise of an item.
    pub(super) fn take_back(&self) {
        let given = self.0.lock().give_back(End::Get);
        hand(&self.0, End::Get, given);
    }

    /// Puts an item, for which there is space unless the queue is shut down.
    pub(super) fn push_promised(&self, item: T) -> Result<(), PutError<T>> {
        self.push(self.0.lock(), item)
    }

    /// The error of a greenlet that tries to get an item while it peeks at that item: it would wait for itself.
    #[cold]
    #[track_caller]
    fn used_here(&self) -> Exception {
        Exception::new(ConcurrentObjectUseError {
            object: QueueState::<T>::KIND,
            user: format!("{:?}", getcurrent()),
        })
    }

    /// Puts an item at the end; waits while the queue is full.
    ///
    /// # Errors
    /// [`ShutDown`] if the queue is shut down; any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn put(&self, item: T) -> Result<(), Exception> {
        Ok(self.put_timeout(item, None)?)
    }

    /// Puts an item as [`put`](Queue::put) does, but waits for at most `timeout` seconds.
    ///
    /// # Errors
    /// [`PutError::Full`] when the time is over; [`PutError::ShutDown`] if the queue is shut down; [`PutError::Thrown`]
    /// if an exception is thrown into the current greenlet, or `timeout` is NaN. All have the item.
    #[track_caller]
    pub fn put_timeout(&self, item: T, timeout: impl Seconds) -> Result<(), PutError<T>> {
        let timeout = match timeout.checked() {
            Ok(timeout) => timeout,
            Err(error) => return Err(PutError::Thrown(Some(item), Exception::new(error))),
        };
        let item = match self.put_nowait(item) {
            Err(PutError::Full(item)) => item,
            done => return done,
        };
        match wait(&self.0, End::Put, QueueState::take_space_or_shut, timeout) {
            Ok(true) => self.push(self.0.lock(), item),
            Ok(false) => Err(PutError::Full(item)),
            Err(exception) => Err(PutError::Thrown(Some(item), exception)),
        }
    }

    /// Puts an item as [`put`](Queue::put) does, but does not wait.
    ///
    /// # Errors
    /// [`PutError::Full`] if there is no space, and [`PutError::ShutDown`] if the queue is shut down, both with the
    /// item.
    pub fn put_nowait(&self, item: T) -> Result<(), PutError<T>> {
        let mut state = self.0.lock();
        if !state.shut && !state.take_space() {
            return Err(PutError::Full(item));
        }
        self.push(state, item)
    }

    /// Takes the first item; waits while the queue is empty.
    ///
    /// # Errors
    /// [`ShutDown`] if the queue is shut down and empty; any exception that is thrown into the current greenlet
    /// meanwhile; [`ConcurrentObjectUseError`](crate::exceptions::ConcurrentObjectUseError) in an item's `clone` that a
    /// [`peek`](Queue::peek) of the same greenlet has called.
    #[track_caller]
    pub fn get(&self) -> Result<T, Exception> {
        self.get_timeout(None)
    }

    /// Takes an item as [`get`](Queue::get) does, but waits for at most `timeout` seconds.
    ///
    /// # Errors
    /// Fails as `get` does; with [`Empty`] when the time is over; and with
    /// [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is NaN.
    #[track_caller]
    pub fn get_timeout(&self, timeout: impl Seconds) -> Result<T, Exception> {
        let timeout = timeout.checked()?;
        let deadline = Deadline::after(timeout);
        let hub = get_hub_if_exists().filter(|hub| timeout != Some(0.0) && hub.turn_is_due());
        let mut state = self.0.lock();
        if !state.gettable.try_take() {
            drop(state);
            if !wait(&self.0, End::Get, QueueState::take_item, deadline.left())? {
                return Err(Exception::new(Empty));
            }
            state = self.0.lock();
        } else if let Some(hub) = hub {
            // A greenlet that always finds an item never waits, so it lets others run now and then.
            drop(state);
            let taken = Taken(&self.0);
            hub.pass_turn()?;
            std::mem::forget(taken);
            state = self.0.lock();
        }
        self.pop(state, deadline)
    }

    /// Takes an item as [`get`](Queue::get) does, but does not wait.
    ///
    /// # Errors
    /// [`Empty`] if there is no item, or while a greenlet peeks at the first one; [`ShutDown`] if the queue is shut
    /// down and empty.
    #[track_caller]
    pub fn get_nowait(&self) -> Result<T, Exception> {
        let mut state = self.0.lock();
        let lent = state.lent.is_some();
        if lent || (!state.over() && !state.gettable.try_take()) {
            return Err(Exception::new(Empty));
        }
        self.pop(state, Deadline::after(Some(0.0)))
    }

    /// Returns a copy of the first item, which stays in the queue; waits while the queue is empty.
    ///
    /// The item's `clone` may wait. Meanwhile a get of this item waits, and so does a peek in another thread.
    ///
    /// # Errors
    /// Fails as [`get`](Queue::get) does.
    #[track_caller]
    pub fn peek(&self) -> Result<T, Exception>
    where
        T: Clone,
    {
        self.peek_timeout(None)
    }

    /// Returns the first item as [`peek`](Queue::peek) does, but waits for at most `timeout` seconds.
    ///
    /// # Errors
    /// Fails as [`get_timeout`](Queue::get_timeout) does.
    #[track_caller]
    pub fn peek_timeout(&self, timeout: impl Seconds) -> Result<T, Exception>
    where
        T: Clone,
    {
        let deadline = Deadline::after(timeout.checked()?);
        loop {
            if let Some(peeked) = self.try_peek() {
                return peeked;
            }
            let state = self.0.lock();
            let end = match state.lent {
                Some(_) => End::Lent,
                None => End::Get,
            };
            drop(state);
            let told = match end {
                End::Lent => wait(&self.0, end, |state| state.lent.is_none(), deadline.left())?,
                _ => {
                    let enter = |state: &mut QueueState<T>| state.over() || !state.is_empty();
                    watch(&self.0, end, enter, deadline.left())?
                }
            };
            if !told {
                return Err(Exception::new(Empty));
            }
            // The item may have been got by another greenlet or thread meanwhile; then it is tried again.
        }
    }

    /// Returns the first item as [`peek`](Queue::peek) does, but does not wait.
    ///
    /// # Errors
    /// Fails as [`get_nowait`](Queue::get_nowait) does.
    #[track_caller]
    pub fn peek_nowait(&self) -> Result<T, Exception>
    where
        T: Clone,
    {
        let peeked = self.try_peek();
        peeked.unwrap_or_else(|| Err(Exception::new(Empty)))
    }

    /// A copy of the first item. `None` if there is no item yet, or another thread peeks at the first one.
    #[track_caller]
    fn try_peek(&self) -> Option<Result<T, Exception>>
    where
        T: Clone,
    {
        let mut state = self.0.lock();
        if state.lent.is_none() {
            let Some(item) = state.items.pop_front() else {
                let over = state.shut.then(|| Err(Exception::new(ShutDown)));
                return over;
            };
            state.lent = Some(Lent::new(item));
        }
        let lent = state.lent.as_mut()?.lend()?;
        drop(state);
        Some(Ok(lent.look(self, T::clone)))
    }

    /// Shuts the queue down: puts fail from now on, also those that wait, and gets fail when the queue is empty.
    ///
    /// With `immediate` the items are dropped and count as done, so gets fail at once.
    pub fn shutdown(&self, immediate: bool) {
        let mut state = self.0.lock();
        state.shut = true;
        let dropped = if immediate {
            std::mem::take(&mut state.items)
        } else {
            VecDeque::new()
        };
        // An item that greenlets peek at is dropped by the last of them.
        let lent = state.lent.take_if(|_| immediate);
        let done = (dropped.len() + usize::from(lent.is_some())).min(state.unfinished_tasks);
        let joiners = match done {
            0 => Told::default(),
            _ => state.done(done),
        };
        let putters = state.space.line.grant_all();
        let lent_line = match lent {
            Some(_) => state.lent_line.grant_all(),
            None => Told::default(),
        };
        let getters = match state.over() {
            true => state.gettable.line.grant_all(),
            false => Told::default(),
        };
        drop(state);
        putters.wake();
        getters.wake();
        joiners.wake();
        lent_line.wake();
        let dropped = (dropped.into_iter().map(Dropped::Item)).chain(lent.map(Dropped::Lent));
        drop_each(dropped);
    }

    /// Reports that a task is done. To be called once for each item that was got.
    ///
    /// # Errors
    /// [`TaskDoneError`] if no task is unfinished.
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        let mut state = self.0.lock();
        if state.unfinished_tasks == 0 {
            return Err(TaskDoneError);
        }
        let joiners = state.done(1);
        drop(state);
        joiners.wake();
        Ok(())
    }

    /// Waits until all tasks are done, and returns true.
    ///
    /// # Errors
    /// Returns any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn join(&self) -> Result<bool, Exception> {
        self.join_timeout(None)
    }

    /// [`join`](Queue::join) for at most `timeout` seconds. Returns whether all tasks were done, at the call or at some
    /// time during the wait.
    ///
    /// # Errors
    /// Fails as `join` does, and with [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is NaN.
    #[track_caller]
    pub fn join_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        let enter = |state: &mut QueueState<T>| state.unfinished_tasks == 0;
        wait(&self.0, End::Join, enter, timeout.checked()?)
    }

    /// Yields items as they come, and waits for them without a limit. Ends when the queue is shut down and empty. Any
    /// other error of [`get`](Queue::get) is yielded as the last element.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(Some(self))
    }
}

/// An item that a shutdown drops.
enum Dropped<T> {
    Item(#[allow(dead_code, reason = "it is there to be dropped")] T),
    Lent(#[allow(dead_code, reason = "it is there to be dropped")] Lent<T>),
}

/// Drops every item, even if the destructor of another one panics.
impl<T> Drop for QueueState<T> {
    fn drop(&mut self) {
        if needs_drop::<T>() {
            drop_each(std::mem::take(&mut self.items));
        }
    }
}

/// Yields the items of a [`Queue`] as they come; see [`Queue::iter`].
#[derive(Debug)]
pub struct Iter<'a, T>(Option<&'a Queue<T>>);

impl<T: Send + 'static> Iterator for Iter<'_, T> {
    type Item = Result<T, Exception>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        match self.0?.get() {
            Ok(item) => Some(Ok(item)),
            Err(exception) => {
                self.0 = None;
                (!is_end(&exception)).then_some(Err(exception))
            }
        }
    }
}

impl<T: Send + 'static> FusedIterator for Iter<'_, T> {}

impl<'a, T: Send + 'static> IntoIterator for &'a Queue<T> {
    type Item = Result<T, Exception>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Queue(self.0.clone())
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue::new()
    }
}

impl<T> PartialEq for Queue<T> {
    /// Whether both are handles of the same queue.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Queue<T> {}

impl<T> Hash for Queue<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Arc::as_ptr(&self.0), state);
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Arc::as_ptr(&self.0).addr();
        let (size, maxsize) = (self.qsize(), self.maxsize());
        write!(f, "<threadsafe::Queue at {address:#x} size={size} maxsize={maxsize:?}>")
    }
}
