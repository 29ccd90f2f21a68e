//! [`Queue`]: the queue of gevent's `queue.py`, for several threads.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use greenlet_core::Exception;
use hub::Seconds;
use parking_lot::{Mutex, MutexGuard};

use super::line::{Line, Lined, Permits, wait};
use super::waiter::Waiter;
use crate::queue::{Empty, PutError, ShutDown};

/// A queue, first in, first out, whose ends may be in different threads. Handles are cheap to
/// clone and mean the same queue.
///
/// Items and space are handed over in the order in which the greenlets and threads that wait for
/// them came.
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
}

#[derive(Debug, Clone, Copy)]
enum End {
    Get,
    Put,
}

impl<T> Lined for State<T> {
    const KIND: &'static str = "threadsafe::Queue";
    type Which = End;

    fn line(&mut self, end: End) -> &mut Line {
        match end {
            End::Get => &mut self.gettable.line,
            End::Put => &mut self.space.line,
        }
    }

    fn give_back(&mut self, end: End) -> Option<Arc<Waiter>> {
        match end {
            End::Get => self.gettable.give(),
            End::Put => self.space.give(),
        }
    }
}

impl<T> State<T> {
    fn take_space(&mut self) -> bool {
        self.maxsize.is_none() || self.space.try_take()
    }

    /// Whether there is nothing to get any more.
    fn over(&self) -> bool {
        self.shut && self.items.is_empty()
    }

    /// Puts an item, for which there is space.
    fn push(mut state: MutexGuard<'_, Self>, item: T) -> Result<(), PutError<T>> {
        if state.shut {
            return Err(PutError::ShutDown(item));
        }
        state.items.push_back(item);
        let getter = state.gettable.give();
        drop(state);
        if let Some(getter) = getter {
            getter.wake();
        }
        Ok(())
    }

    /// Takes the first item, which is there unless the queue is shut down.
    #[track_caller]
    fn pop(mut state: MutexGuard<'_, Self>) -> Result<T, Exception> {
        let Some(item) = state.items.pop_front() else {
            return Err(Exception::new(ShutDown));
        };
        let putter = match state.maxsize {
            Some(_) => state.space.give(),
            None => None,
        };
        drop(state);
        if let Some(putter) = putter {
            putter.wake();
        }
        Ok(item)
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
            Ok(true) => State::push(self.0.lock(), item),
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
        State::push(state, item)
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
        State::pop(state)
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
        State::pop(state)
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
        let putters = state.space.line.grant_all();
        // They wait because there is nothing for them, and there never will be.
        let getters = state.gettable.line.grant_all();
        drop(state);
        drop(dropped);
        putters.wake();
        getters.wake();
    }

    /// Whether it was [shut down](Queue::shutdown).
    pub fn is_shutdown(&self) -> bool {
        self.0.lock().shut
    }

    /// The items as they come, until the queue is shut down.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(Some(self))
    }
}

/// The items of a [`Queue`] as they come, until it is shut down. Ends after an error.
#[derive(Debug)]
pub struct Iter<'a, T>(Option<&'a Queue<T>>);

impl<T> Iterator for Iter<'_, T> {
    type Item = Result<T, Exception>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        match self.0?.get() {
            Ok(item) => Some(Ok(item)),
            Err(exception) => {
                self.0 = None;
                (!exception.is::<ShutDown>()).then_some(Err(exception))
            }
        }
    }
}

impl<'a, T> IntoIterator for &'a Queue<T> {
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
