//! [`AsyncResult`]: the result of gevent's `event.py`, for several threads.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::sync::Arc;

use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, catch};
use hub::{AsLink, Link, LinkResult, LinkSource, Linkable, Seconds};
use parking_lot::{Mutex, ReentrantMutex, ReentrantMutexGuard};
use waiter::Source;

use super::line::{Given, Lined, ThreadsafeLine, rawlink, unlink, wait};
use crate::lock::Deadline;

/// A value, or an exception, that one greenlet or thread sets and any number of others get. Handles are cheap to clone
/// and mean the same result.
///
/// ```
/// use gevent::threadsafe::AsyncResult;
///
/// let result = AsyncResult::new();
/// let thread = std::thread::spawn({
///     let result = result.clone();
///     move || result.get()
/// });
/// gevent::spawn(|| 7).link(result.as_link());
/// assert_eq!(result.get()?, 7);
/// assert_eq!(thread.join().unwrap()?, 7);
/// # Ok::<(), gevent::Exception>(())
/// ```
pub struct AsyncResult<T>(pub(super) Arc<Mutex<AsyncResultState<T>>>);

/// The value, the exception and the waiters of an `AsyncResult`. As in gevent both the value and the exception may be
/// set, one after the other; the value then takes precedence.
pub(super) struct AsyncResultState<T> {
    value: Option<SharedValue<T>>,
    exception: Option<Exception>,
    line: ThreadsafeLine,
    /// The waiters for another thread to finish its copy of the value.
    copiers: ThreadsafeLine,
}

/// A value that several threads copy. `Err` holds the `GreenletExit` that stands for the value of a greenlet that was
/// killed.
///
/// The value is cloned with its own lock held, not the result's. So only one thread clones it at a time, as it need not
/// be `Sync`, but any number of that thread's greenlets.
type SharedValue<T> = Arc<ReentrantMutex<Result<T, Exception>>>;

/// Names a line of the result.
#[derive(Debug, Clone, Copy)]
pub(super) enum For {
    Result,
    Copy,
}

impl<T> AsyncResultState<T> {
    pub(super) fn ready(&self) -> bool {
        self.value.is_some() || self.exception.is_some()
    }

    /// Whether a thread clones the value now.
    pub(super) fn is_being_copied(&self) -> bool {
        self.value.as_ref().is_some_and(|value| value.is_locked())
    }
}

impl<T: Send + 'static> Lined for AsyncResultState<T> {
    const KIND: &'static str = "threadsafe::AsyncResult";
    type Which = For;

    fn line(&mut self, which: For) -> &mut ThreadsafeLine {
        match which {
            For::Result => &mut self.line,
            For::Copy => &mut self.copiers,
        }
    }

    /// Nothing is passed on, because all waiters have been told.
    fn give_back(&mut self, _: For) -> Given {
        Given::default()
    }
}

impl<T> AsyncResult<T> {
    /// A result that is not set.
    pub fn new() -> Self {
        AsyncResult(Arc::new(Mutex::new(AsyncResultState {
            value: None,
            exception: None,
            line: ThreadsafeLine::default(),
            copiers: ThreadsafeLine::default(),
        })))
    }

    /// Whether the result is set: it holds a value or an exception.
    pub fn ready(&self) -> bool {
        self.0.lock().ready()
    }

    /// Whether the result holds a value. The `GreenletExit` of a greenlet that was killed counts as one.
    pub fn successful(&self) -> bool {
        self.0.lock().value.is_some()
    }

    /// The exception that the result holds, if any.
    pub fn exception(&self) -> Option<Exception> {
        self.0.lock().exception.clone()
    }

    /// Stores the value and wakes all greenlets and threads that wait. A value that was set before is replaced.
    pub fn set(&self, value: T) {
        self.hold(Ok(value));
    }

    fn hold(&self, value: Result<T, Exception>) {
        let value = Arc::new(ReentrantMutex::new(value));
        let mut state = self.0.lock();
        let old = state.value.replace(value);
        let told = state.line.grant_all();
        let copiers = state.copiers.grant_all();
        drop(state);
        told.wake();
        copiers.wake();
        drop(old);
    }

    /// Stores the exception and wakes all greenlets and threads that wait. A value that was set before remains, and
    /// [`get`](AsyncResult::get) still returns that value.
    #[track_caller]
    pub fn set_exception(&self, exception: impl Into<Exception>) {
        let exception = exception.into();
        let mut state = self.0.lock();
        let old = state.exception.replace(exception);
        let told = state.line.grant_all();
        drop(state);
        told.wake();
        drop(old);
    }

    /// The same as [`set`](AsyncResult::set): the name that futures have for it.
    pub fn set_result(&self, value: T) {
        self.set(value);
    }

    /// The same as [`ready`](AsyncResult::ready): the name that futures have for it.
    pub fn done(&self) -> bool {
        self.ready()
    }

    /// Does nothing and returns false: no computation is tied to the result that could be cancelled. Futures have this
    /// method.
    pub fn cancel(&self) -> bool {
        false
    }

    /// Always false. Futures have this method.
    pub fn cancelled(&self) -> bool {
        false
    }

    /// How many links and waiting greenlets and threads are in line.
    pub fn linkcount(&self) -> usize {
        self.0.lock().line.len()
    }

    /// Takes over the value or the exception of `source`, if it has one.
    ///
    /// A greenlet that was killed has ended well: this result is [successful](AsyncResult::successful) then, and
    /// [`get`](AsyncResult::get) returns the `GreenletExit` as its error. If `source` panics, for example in its
    /// value's `clone`, the panic becomes the exception.
    pub fn call(&self, source: &(impl Source<T> + ?Sized)) {
        match catch(|| (source.value(), source.exit(), source.exception())) {
            Ok((Some(value), _, _)) => self.hold(Ok(value)),
            Ok((None, Some(exit), _)) => self.hold(Err(exit)),
            Ok((None, None, Some(exception))) | Err(Caught::Panic(exception)) => {
                self.set_exception(exception);
            }
            Ok((None, None, None)) => {}
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    }

    /// A function that passes a source to [`call`](AsyncResult::call), to be linked to that source.
    pub fn as_link<S: Source<T>>(&self) -> impl Fn(&S) + 'static
    where
        T: 'static,
    {
        let result = self.clone();
        move |source| result.call(source)
    }
}

impl<T: Send + 'static> AsyncResult<T> {
    /// Has the hub of the current thread call `callback` with this result when the result is set, or soon if it is set
    /// already. `callback` must not block.
    pub fn rawlink<'c, R: LinkResult<'c, AsyncResult<T>>>(&self, callback: impl Fn(&AsyncResult<T>) -> R + 'c) -> Link {
        R::rawlink(callback, self)
    }

    /// Removes a link that was added in this thread, if it was not called yet.
    pub fn unlink(&self, link: &impl AsLink<AsyncResult<T>>) {
        unlink(&self.0, For::Result, &link.as_link(self));
    }
}

impl<T: Clone + Send + 'static> AsyncResult<T> {
    /// The value that the result holds, if any. The value's `clone` may wait, or set another value here.
    ///
    /// Only one thread clones the value at a time. While another one does, this method and
    /// [`get_nowait`](AsyncResult::get_nowait) block the whole thread; `get` and `wait` only park the greenlet.
    pub fn value(&self) -> Option<T> {
        self.held()?.ok()
    }

    /// Waits until the result is set, and returns its value.
    ///
    /// # Errors
    /// Returns the exception that was set, or one that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn get(&self) -> Result<T, Exception> {
        self.get_timeout(None)
    }

    /// Returns the value as [`get`](AsyncResult::get) does, but waits for at most `timeout` seconds.
    ///
    /// # Errors
    /// Fails as `get` does; with [`TimeoutError`](crate::TimeoutError) when the time is over; and with
    /// [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is NaN.
    #[track_caller]
    pub fn get_timeout(&self, timeout: impl Seconds) -> Result<T, Exception> {
        let timeout = timeout.checked()?;
        let deadline = Deadline::after(timeout);
        wait(&self.0, For::Result, |state| state.ready(), timeout)?;
        let got = self.copy_in_time(deadline)?;
        got.unwrap_or_else(|| Err(crate::timeout::expired(timeout)))
    }

    /// Returns the value as [`get`](AsyncResult::get) does, but does not wait.
    ///
    /// # Errors
    /// Returns the exception that was set, or [`TimeoutError`](crate::TimeoutError) if the result is not set.
    #[track_caller]
    pub fn get_nowait(&self) -> Result<T, Exception> {
        self.held().unwrap_or_else(|| Err(crate::timeout::expired(None)))
    }

    /// The same as [`get`](AsyncResult::get): the name that futures have for it.
    ///
    /// # Errors
    /// Fails as `get` does.
    #[track_caller]
    pub fn result(&self) -> Result<T, Exception> {
        self.result_timeout(None)
    }

    /// The same as [`get_timeout`](AsyncResult::get_timeout).
    ///
    /// # Errors
    /// Fails as `get_timeout` does.
    #[track_caller]
    pub fn result_timeout(&self, timeout: impl Seconds) -> Result<T, Exception> {
        self.get_timeout(timeout)
    }

    /// Waits until the result is set, and returns its value, or `None` if the result holds an exception.
    ///
    /// # Errors
    /// Returns any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn wait(&self) -> Result<Option<T>, Exception> {
        self.wait_timeout(None)
    }

    /// [`wait`](AsyncResult::wait) for at most `timeout` seconds. Returns `None` also if the result is still not set.
    ///
    /// # Errors
    /// Fails as `wait` does, and with [`InvalidSeconds`](crate::exceptions::InvalidSeconds) if `timeout` is NaN.
    #[track_caller]
    pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<Option<T>, Exception> {
        let timeout = timeout.checked()?;
        let deadline = Deadline::after(timeout);
        wait(&self.0, For::Result, |state| state.ready(), timeout)?;
        Ok(self.copy_in_time(deadline)?.and_then(Result::ok))
    }

    /// A copy of the value, or else the exception, if the result is set. Blocks the thread while another one clones the
    /// value.
    fn held(&self) -> Option<Result<T, Exception>> {
        match self.state() {
            Ok(value) => Some(Copying::of(self, value.lock()).value().clone()),
            Err(exception) => exception.map(Err),
        }
    }

    /// A copy of the value, or else the exception, if the result is set. Waits while another thread clones the value;
    /// `None` also if the deadline comes first.
    #[track_caller]
    fn copy_in_time(&self, deadline: Deadline) -> Result<Option<Result<T, Exception>>, Exception> {
        loop {
            let value = match self.state() {
                Ok(value) => value,
                Err(exception) => return Ok(exception.map(Err)),
            };
            if let Some(locked) = value.try_lock() {
                return Ok(Some(Copying::of(self, locked).value().clone()));
            }
            // The thread that has the value locked wakes this line afterwards.
            let free = |_: &mut AsyncResultState<T>| !value.is_locked();
            if !wait(&self.0, For::Copy, free, deadline.left())? {
                return Ok(None);
            }
        }
    }

    /// A copy of the value, or else the exception, of a result that is set. `None` while another thread clones the
    /// value.
    pub(super) fn try_copy(&self) -> Option<Result<T, Exception>> {
        match self.state() {
            Ok(value) => {
                let locked = value.try_lock()?;
                Some(Copying::of(self, locked).value().clone())
            }
            Err(exception) => exception.map(Err),
        }
    }

    /// The value, or else the exception, if there is one.
    fn state(&self) -> Result<SharedValue<T>, Option<Exception>> {
        let state = self.0.lock();
        state.value.clone().ok_or_else(|| state.exception.clone())
    }
}

/// A lock of the value by the current thread, for a copy. Its drop unlocks the value and wakes the threads that wait
/// for it, also after a panic or the unwinding of a greenlet.
struct Copying<'a, T: Send + 'static> {
    result: &'a AsyncResult<T>,
    value: Option<ReentrantMutexGuard<'a, Result<T, Exception>>>,
}

impl<'a, T: Clone + Send + 'static> Copying<'a, T> {
    fn of(result: &'a AsyncResult<T>, value: ReentrantMutexGuard<'a, Result<T, Exception>>) -> Self {
        let value = Some(value);
        Copying { result, value }
    }

    fn value(&self) -> &Result<T, Exception> {
        self.value.as_deref().expect("it is there until the end")
    }
}

impl<T: Send + 'static> Drop for Copying<'_, T> {
    fn drop(&mut self) {
        drop(self.value.take());
        let told = self.result.0.lock().copiers.grant_all();
        told.wake();
    }
}

impl<T> Clone for AsyncResult<T> {
    fn clone(&self) -> Self {
        AsyncResult(self.0.clone())
    }
}

impl<T> Default for AsyncResult<T> {
    fn default() -> Self {
        AsyncResult::new()
    }
}

impl<T: Clone + Send + 'static> Source<T> for AsyncResult<T> {
    fn exception(&self) -> Option<Exception> {
        AsyncResult::exception(self)
    }

    fn exit(&self) -> Option<Exception> {
        let value = self.0.lock().value.clone()?;
        let held = Copying::of(self, value.lock());
        held.value().as_ref().err().cloned()
    }

    fn value(&self) -> Option<T> {
        AsyncResult::value(self)
    }
}

/// Lets [`wait`](crate::wait) and [`iwait`](crate::iwait) take a result.
impl<T: Send + 'static> Linkable for AsyncResult<T> {
    fn ready(&self) -> bool {
        AsyncResult::ready(self)
    }

    fn rawlink(&self, link: Link) {
        let handle = Box::new(self.clone());
        rawlink(&self.0, For::Result, |state| state.ready(), link, handle);
    }

    fn unlink(&self, link: &Link) {
        unlink(&self.0, For::Result, link);
    }

    fn exception(&self) -> Option<Exception> {
        AsyncResult::exception(self)
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl<T: Send + 'static> LinkSource for AsyncResult<T> {
    fn of(source: &dyn Any) -> Option<Self> {
        source.downcast_ref().cloned()
    }
}

impl<T> PartialEq for AsyncResult<T> {
    /// Whether both are handles of the same result.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for AsyncResult<T> {}

impl<T> Hash for AsyncResult<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Arc::as_ptr(&self.0), state);
    }
}

impl<T> fmt::Debug for AsyncResult<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Arc::as_ptr(&self.0).addr();
        let (value, exception, links) = {
            let state = self.0.lock();
            (state.value.is_some(), state.exception.clone(), state.line.len())
        };
        write!(f, "<threadsafe::AsyncResult at {address:#x}")?;
        match (value, exception) {
            (true, None) => f.write_str(" value=..")?,
            (true, Some(exception)) => write!(f, " value=.. exception={exception:?}")?,
            (false, Some(exception)) => write!(f, " exception={exception:?}")?,
            (false, None) => f.write_str(" unset")?,
        }
        write!(f, " _links[{links}]>")
    }
}
