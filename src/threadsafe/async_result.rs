//! [`AsyncResult`]: the result of gevent's `event.py`, for several threads.

use std::fmt;
use std::sync::Arc;

use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, catch};
use hub::core::CallbackResult;
use hub::{Link, Linkable, Seconds};
use parking_lot::{Mutex, ReentrantMutex, ReentrantMutexGuard};
use waiter::Source;

use super::line::{Given, Lined, ThreadsafeLine, rawlink, unlink, wait};
use crate::lock::Deadline;

/// A value, or an exception, that somebody sets and any number of greenlets and threads get.
/// Handles are cheap to clone and mean the same result.
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
pub struct AsyncResult<T>(Arc<Mutex<AsyncResultState<T>>>);

/// As in gevent both may be set, one after the other; the value counts then.
struct AsyncResultState<T> {
    value: Option<SharedValue<T>>,
    exception: Option<Exception>,
    line: ThreadsafeLine,
    /// Those who wait for another thread to have its copy of the value.
    copiers: ThreadsafeLine,
}

/// An error is the `GreenletExit` that stands for the value of a greenlet that was killed.
///
/// It is cloned with its own lock held, not the result's: by one thread at a time, since it need not be `Sync`, but by any
/// number of that thread's greenlets.
type SharedValue<T> = Arc<ReentrantMutex<Result<T, Exception>>>;

/// Where one waits.
#[derive(Debug, Clone, Copy)]
enum For {
    Result,
    Copy,
}

impl<T> AsyncResultState<T> {
    fn ready(&self) -> bool {
        self.value.is_some() || self.exception.is_some()
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

    /// Everybody has been told; there is nothing to pass on.
    fn give_back(&mut self, _: For) -> Given {
        Given::default()
    }
}

impl<T> AsyncResult<T> {
    /// A result that is not there yet.
    pub fn new() -> Self {
        AsyncResult(Arc::new(Mutex::new(AsyncResultState {
            value: None,
            exception: None,
            line: ThreadsafeLine::default(),
            copiers: ThreadsafeLine::default(),
        })))
    }

    /// Whether it holds a value or an exception.
    pub fn ready(&self) -> bool {
        self.0.lock().ready()
    }

    /// Whether it holds a value, or was linked to a greenlet that was killed.
    pub fn successful(&self) -> bool {
        self.0.lock().value.is_some()
    }

    /// The exception it holds.
    pub fn exception(&self) -> Option<Exception> {
        self.0.lock().exception.clone()
    }

    /// Stores the value and wakes all who wait. A value that was set before is replaced.
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

    /// Stores the exception and wakes all who wait. A value that was set before remains, and is
    /// what [`get`](AsyncResult::get) returns.
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

    /// Does nothing, and says so: there is nobody who could be told not to set it.
    pub fn cancel(&self) -> bool {
        false
    }

    /// Never.
    pub fn cancelled(&self) -> bool {
        false
    }

    /// How many wait, and links there are.
    pub fn linkcount(&self) -> usize {
        self.0.lock().line.len()
    }

    /// Takes over what the source ended with. A greenlet that was killed ended well: then so has this,
    /// but [`get`](AsyncResult::get) gives the `GreenletExit`. A source that has nothing changes nothing; one that
    /// panics (its value's `clone`, say) ends this with the panic.
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

    /// A function that [calls](AsyncResult::call) this with a source: what to link to one.
    pub fn as_link<S: Source<T>>(&self) -> impl Fn(&S) + 'static
    where
        T: 'static,
    {
        let result = self.clone();
        move |source| result.call(source)
    }
}

impl<T: Send + 'static> AsyncResult<T> {
    /// Calls `callback` with this result once it is there, in the hub of the thread that adds it:
    /// it must not block. If it is there already, soon.
    pub fn rawlink<R: CallbackResult>(
        &self,
        callback: impl Fn(&AsyncResult<T>) -> R + 'static,
    ) -> Link {
        let result = self.clone();
        let link = Link::new(move |_| callback(&result).into_result());
        Linkable::rawlink(self, link.clone());
        link
    }

    /// Takes a link away that was added in this thread, if it was not called yet.
    pub fn unlink(&self, link: &Link) {
        unlink(&self.0, For::Result, link);
    }
}

impl<T: Clone + Send + 'static> AsyncResult<T> {
    /// The value it holds. Its `clone` may do anything, also wait, or set another value here. Another thread that wants
    /// a copy waits meanwhile (here it stands still); greenlets of the same one do not.
    pub fn value(&self) -> Option<T> {
        self.held()?.ok()
    }

    /// Waits until it is there and returns the value.
    ///
    /// # Errors
    /// The exception that was set; what is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn get(&self) -> Result<T, Exception> {
        self.get_timeout(None)
    }

    /// [`get`](AsyncResult::get), for at most `timeout` seconds.
    ///
    /// # Errors
    /// As for `get`; [`TimeoutError`](crate::TimeoutError) when the time is over.
    #[track_caller]
    pub fn get_timeout(&self, timeout: impl Seconds) -> Result<T, Exception> {
        let timeout = timeout.checked()?;
        let deadline = Deadline::after(timeout);
        wait(&self.0, For::Result, |state| state.ready(), timeout)?;
        let got = self.copy_in_time(deadline)?;
        got.unwrap_or_else(|| Err(crate::timeout::expired(timeout)))
    }

    /// [`get`](AsyncResult::get) without waiting.
    ///
    /// # Errors
    /// As for `get`; [`TimeoutError`](crate::TimeoutError) when it is not there.
    #[track_caller]
    pub fn get_nowait(&self) -> Result<T, Exception> {
        self.held()
            .unwrap_or_else(|| Err(crate::timeout::expired(None)))
    }

    /// The same as [`get_timeout`](AsyncResult::get_timeout): the name that futures have for it.
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn result(&self, timeout: impl Seconds) -> Result<T, Exception> {
        self.get_timeout(timeout)
    }

    /// Waits until it is there, at most `timeout` seconds, and returns the value: none if there
    /// is an exception instead, or nothing yet.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; for a time that is no number.
    #[track_caller]
    pub fn wait(&self, timeout: impl Seconds) -> Result<Option<T>, Exception> {
        let timeout = timeout.checked()?;
        let deadline = Deadline::after(timeout);
        wait(&self.0, For::Result, |state| state.ready(), timeout)?;
        Ok(self.copy_in_time(deadline)?.and_then(Result::ok))
    }

    /// What it holds. Stands still while another thread clones the value.
    fn held(&self) -> Option<Result<T, Exception>> {
        match self.state() {
            Ok(value) => Some(Copying::of(self, value.lock()).value().clone()),
            Err(exception) => exception.map(Err),
        }
    }

    /// What it holds. Waits while another thread clones the value; none if that takes too long.
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
            // Whoever has it locked tells those in line afterwards.
            let free = |_: &mut AsyncResultState<T>| !value.is_locked();
            if !wait(&self.0, For::Copy, free, deadline.left())? {
                return Ok(None);
            }
        }
    }

    /// The value, or else the exception, if there is one.
    fn state(&self) -> Result<SharedValue<T>, Option<Exception>> {
        let state = self.0.lock();
        state.value.clone().ok_or_else(|| state.exception.clone())
    }
}

/// A thread has the value. When it is done, also by a panic or the unwinding of a greenlet, the others are told.
struct Copying<'a, T: Send + 'static> {
    result: &'a AsyncResult<T>,
    value: Option<ReentrantMutexGuard<'a, Result<T, Exception>>>,
}

impl<'a, T: Clone + Send + 'static> Copying<'a, T> {
    fn of(
        result: &'a AsyncResult<T>,
        value: ReentrantMutexGuard<'a, Result<T, Exception>>,
    ) -> Self {
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

/// So that [`wait`](crate::wait) and [`iwait`](crate::iwait) take it.
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
}

impl<T> PartialEq for AsyncResult<T> {
    /// Whether both are handles of the same result.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for AsyncResult<T> {}

impl<T> fmt::Debug for AsyncResult<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Arc::as_ptr(&self.0).addr();
        let (value, exception, links) = {
            let state = self.0.lock();
            (
                state.value.is_some(),
                state.exception.clone(),
                state.line.len(),
            )
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
