//! [`Queue`]: the queue of gevent's `queue.py`, for several threads.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;

use greenlet_core::Exception;
use greenlet_core::unwind::drop_each;
use hub::{Seconds, Slack};
use parking_lot::{Mutex, MutexGuard};

use super::line::{Given, Line, Lined, Permits, Told, hand, wait, watch};
use crate::lock::Deadline;
use crate::queue::{Empty, PutError, ShutDown, TaskDoneError, is_end};

/// A queue, first in, first out, whose ends may be in different threads. Handles are cheap to
/// clone and mean the same queue.
///
/// Items and space are handed over in the order in which the greenlets and threads that wait for
/// them came. As those of [`queue`](crate::queue), it counts [tasks](Queue::task_done) that others
/// may wait for, and can be [shut down](Queue::shutdown).
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
pub struct Queue<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    items: VecDeque<T>,
    maxsize: Option<usize>,
    /// How many items are there and not promised to a getter.
    gettable: Permits,
    /// How many places are free and not promised to a putter; not used without a limit.
    space: Permits,
    shut: bool,
    unfinished_tasks: usize,
    joiners: Line,
}

/// Where one waits.
#[derive(Debug, Clone, Copy)]
enum End {
    Get,
    Put,
    /// For the tasks to be done.
    Join,
}

impl<T: Send + 'static> Lined for State<T> {
    const KIND: &'static str = "threadsafe::Queue";
    type Which = End;

    fn line(&mut self, end: End) -> &mut Line {
        match end {
            End::Get => &mut self.gettable.line,
            End::Put => &mut self.space.line,
            End::Join => &mut self.joiners,
        }
    }

    fn give_back(&mut self, end: End) -> Given {
        match end {
            End::Get => self.gettable.give(),
            End::Put => self.space.give(),
            End::Join => Given::default(),
        }
    }
}

impl<T> State<T> {
    fn take_space(&mut self) -> bool {
        self.maxsize.is_none() || self.space.try_take()
    }

    /// Whether there is nothing to get any more. (As long as there are items that are promised,
    /// one may come back from a getter that is killed: the others wait for that.)
    fn over(&self) -> bool {
        self.shut && self.items.is_empty()
    }

    /// So many tasks are done; says who waited for it.
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

    /// An empty queue for so many items; 0 and `None` are no limit.
    pub fn with_maxsize(maxsize: impl Into<Option<usize>>) -> Self {
        let maxsize = maxsize.into().filter(|&maxsize| maxsize > 0);
        Queue(Arc::new(Mutex::new(State {
            items: VecDeque::new(),
            maxsize,
            gettable: Permits::new(0),
            space: Permits::new(maxsize.unwrap_or(0)),
            shut: false,
            unfinished_tasks: 0,
            joiners: Line::default(),
        })))
    }

    /// How many items are in the queue.
    pub fn qsize(&self) -> usize {
        self.0.lock().items.len()
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

    /// Whether there is no space in the queue.
    pub fn full(&self) -> bool {
        let state = self.0.lock();
        (state.maxsize).is_some_and(|maxsize| state.items.len() >= maxsize)
    }

    /// For how many items there is space in all; none is no limit.
    pub fn maxsize(&self) -> Option<usize> {
        self.0.lock().maxsize
    }

    /// How many wait for an item.
    pub fn getters(&self) -> usize {
        self.0.lock().gettable.line.len()
    }

    /// How many wait for space.
    pub fn putters(&self) -> usize {
        self.0.lock().space.line.len()
    }

    /// How many items were put and are not [done](Queue::task_done).
    pub fn unfinished_tasks(&self) -> usize {
        self.0.lock().unfinished_tasks
    }

    /// Whether it was [shut down](Queue::shutdown).
    pub fn is_shutdown(&self) -> bool {
        self.0.lock().shut
    }
}

impl<T: Send + 'static> Queue<T> {
    /// Puts an item, for which there is space.
    fn push(&self, mut state: MutexGuard<'_, State<T>>, item: T) -> Result<(), PutError<T>> {
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

    /// Takes the first item, which is there unless the queue is shut down.
    #[track_caller]
    fn pop(&self, mut state: MutexGuard<'_, State<T>>) -> Result<T, Exception> {
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

    /// Puts an item at the end; waits while the queue is full.
    ///
    /// # Errors
    /// [`ShutDown`]; what is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn put(&self, item: T) -> Result<(), Exception> {
        Ok(self.put_timeout(item, None)?)
    }

    /// [`put`](Queue::put), for at most `timeout` seconds.
    ///
    /// # Errors
    /// [`PutError`], which has the item: the time is over, the queue is shut down, something was
    /// thrown into the current greenlet, or the time is no number.
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
        let enter = |state: &mut State<T>| state.shut || state.take_space();
        match wait(&self.0, End::Put, enter, timeout) {
            Ok(true) => self.push(self.0.lock(), item),
            Ok(false) => Err(PutError::Full(item)),
            Err(exception) => Err(PutError::Thrown(Some(item), exception)),
        }
    }

    /// [`put`](Queue::put) without waiting.
    ///
    /// # Errors
    /// [`PutError`], which has the item: the queue is full, or shut down.
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
    /// [`ShutDown`] when it is shut down and empty; what is thrown into the current greenlet
    /// meanwhile.
    #[track_caller]
    pub fn get(&self) -> Result<T, Exception> {
        self.get_timeout(None)
    }

    /// [`get`](Queue::get), for at most `timeout` seconds.
    ///
    /// # Errors
    /// As for `get`; [`Empty`] when the time is over; for a time that is no number.
    #[track_caller]
    pub fn get_timeout(&self, timeout: impl Seconds) -> Result<T, Exception> {
        let timeout = timeout.checked()?;
        let mut state = self.0.lock();
        if !state.gettable.try_take() {
            drop(state);
            let enter = |state: &mut State<T>| state.over() || state.gettable.try_take();
            if !wait(&self.0, End::Get, enter, timeout)? {
                return Err(Exception::new(Empty));
            }
            state = self.0.lock();
        }
        self.pop(state)
    }

    /// [`get`](Queue::get) without waiting.
    ///
    /// # Errors
    /// [`Empty`]; [`ShutDown`] when it is shut down and empty.
    #[track_caller]
    pub fn get_nowait(&self) -> Result<T, Exception> {
        let mut state = self.0.lock();
        if !state.over() && !state.gettable.try_take() {
            return Err(Exception::new(Empty));
        }
        self.pop(state)
    }

    /// The first item, which stays in the queue; waits while the queue is empty. It is cloned while
    /// the queue is locked: its `clone` must neither come back here nor wait.
    ///
    /// # Errors
    /// As for [`get`](Queue::get).
    #[track_caller]
    pub fn peek(&self) -> Result<T, Exception>
    where
        T: Clone,
    {
        self.peek_timeout(None)
    }

    /// [`peek`](Queue::peek), for at most `timeout` seconds.
    ///
    /// # Errors
    /// As for [`get_timeout`](Queue::get_timeout).
    #[track_caller]
    pub fn peek_timeout(&self, timeout: impl Seconds) -> Result<T, Exception>
    where
        T: Clone,
    {
        let deadline = Deadline::after(timeout.checked()?);
        loop {
            match self.peek_nowait() {
                Err(exception) if exception.error().is::<Empty>() => {}
                peeked => return peeked,
            }
            let enter = |state: &mut State<T>| state.over() || !state.items.is_empty();
            if !watch(&self.0, End::Get, enter, deadline.left())? {
                return Err(Exception::new(Empty));
            }
            // Somebody else may have been quicker.
        }
    }

    /// [`peek`](Queue::peek) without waiting.
    ///
    /// # Errors
    /// As for [`get_nowait`](Queue::get_nowait).
    #[track_caller]
    pub fn peek_nowait(&self) -> Result<T, Exception>
    where
        T: Clone,
    {
        let state = self.0.lock();
        match state.items.front() {
            Some(item) => Ok(item.clone()),
            None if state.shut => Err(Exception::new(ShutDown)),
            None => Err(Exception::new(Empty)),
        }
    }

    /// Ends the queue: nothing can be put into it any more, and who waits to do so is told. What
    /// is in it can be got, unless `immediate`: then it is dropped.
    pub fn shutdown(&self, immediate: bool) {
        let mut state = self.0.lock();
        state.shut = true;
        let dropped = if immediate {
            std::mem::take(&mut state.items)
        } else {
            VecDeque::new()
        };
        let done = dropped.len().min(state.unfinished_tasks);
        let joiners = match done {
            0 => Told::default(),
            _ => state.done(done),
        };
        let putters = state.space.line.grant_all();
        let getters = match state.over() {
            true => state.gettable.line.grant_all(),
            false => Told::default(),
        };
        drop(state);
        putters.wake();
        getters.wake();
        joiners.wake();
        drop_each(dropped);
    }

    /// Says that a task is done: to be called once for each item that was got.
    ///
    /// # Errors
    /// [`TaskDoneError`] if it was called for all items already.
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

    /// Waits until all tasks are done, at most `timeout` seconds; says whether they are (or were at
    /// some time while it waited).
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; for a time that is no number.
    #[track_caller]
    pub fn join(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        let enter = |state: &mut State<T>| state.unfinished_tasks == 0;
        wait(&self.0, End::Join, enter, timeout.checked()?)
    }

    /// The items as they come, until the queue is shut down.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(Some(self))
    }
}

/// The items of a [`Queue`] as they come, until it is shut down. Ends after an error.
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

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Arc::as_ptr(&self.0).addr();
        let (size, maxsize) = (self.qsize(), self.maxsize());
        write!(
            f,
            "<threadsafe::Queue at {address:#x} size={size} maxsize={maxsize:?}>"
        )
    }
}
