//! [`AsyncResult`]: a value, or an exception, that is set later. Source: `AsyncResult` in gevent's `event.py`.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher};

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, Object};
use hub::{AsLink, Link, LinkResult, LinkSource, Linkable, Seconds};
use waiter::Source;

use super::shown::Shown;
use crate::abstract_linkable::{AbstractLinkable, Waitable};

/// A value, or an exception, that one greenlet sets and any number of others get. Handles are
/// cheap to clone and mean the same result.
///
/// ```
/// use gevent::event::AsyncResult;
///
/// let result = AsyncResult::new();
/// let getter = gevent::spawn({
///     let result = result.clone();
///     move || result.get()
/// });
/// result.set(100);
/// assert_eq!(getter.get()?, 100);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// It can be linked to a greenlet, or to any other [source](waiter::Source) of a value:
///
/// ```
/// # use gevent::event::AsyncResult;
/// let result = AsyncResult::new();
/// gevent::spawn(|| "from the greenlet").link(result.as_link());
/// assert_eq!(result.get()?, "from the greenlet");
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `AsyncResult`.
pub struct AsyncResult<T>(AbstractLinkable<ResultSlot<T>>);

/// The value and the exception of an `AsyncResult`. As in gevent both may be set, one after the other; the value then
/// takes precedence.
struct ResultSlot<T> {
    /// `Err` holds the `GreenletExit` that stands for the value of a greenlet that was killed.
    value: Shown<Result<T, Exception>>,
    exception: RefCell<Option<Exception>>,
}

impl<T: 'static> Waitable for ResultSlot<T> {
    const KIND: &'static str = "AsyncResult";

    fn ready(&self) -> bool {
        self.value.is_some() || self.exception.borrow().is_some()
    }

    fn exception(&self) -> Option<Exception> {
        self.exception.borrow().clone()
    }

    fn handle(object: AbstractLinkable<Self>) -> Box<dyn Object> {
        Box::new(AsyncResult(object))
    }
}

impl<T> fmt::Debug for ResultSlot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The exception's `Debug` may be user code, so nothing is borrowed while it runs.
        let (value, exception) = (self.value.is_some(), self.exception.borrow().clone());
        match (value, exception) {
            (true, None) => f.write_str("value=.."),
            (true, Some(exception)) => write!(f, "value=.. exception={exception:?}"),
            (false, Some(exception)) => write!(f, "exception={exception:?}"),
            (false, None) => f.write_str("unset"),
        }
    }
}

impl<T: 'static> AsyncResult<T> {
    /// A result that is not set.
    pub fn new() -> Self {
        AsyncResult(AbstractLinkable::new(ResultSlot {
            value: Shown::default(),
            exception: RefCell::new(None),
        }))
    }

    /// Whether the result is set: it holds a value or an exception.
    pub fn ready(&self) -> bool {
        self.0.state().ready()
    }

    /// Whether the result holds a value. The `GreenletExit` of a greenlet that was killed counts as one.
    pub fn successful(&self) -> bool {
        self.0.state().value.is_some()
    }

    /// The exception that the result holds, if any.
    pub fn exception(&self) -> Option<Exception> {
        self.0.state().exception()
    }

    /// Stores the value and wakes all greenlets that wait. A value that was set before is replaced.
    pub fn set(&self, value: T) {
        self.hold(Ok(value));
    }

    fn hold(&self, value: Result<T, Exception>) {
        let old = self.0.state().value.put(value);
        self.0.check_and_notify();
        drop(old);
    }

    /// Stores the exception and wakes all greenlets that wait. A value that was set before remains, and
    /// [`get`](AsyncResult::get) still returns that value.
    #[track_caller]
    pub fn set_exception(&self, exception: impl Into<Exception>) {
        let old = self.0.state().exception.replace(Some(exception.into()));
        self.0.check_and_notify();
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

    /// Has the hub call `callback` with this result when the result is set, or soon if it is set already. `callback`
    /// must not block.
    pub fn rawlink<'c, R: LinkResult<'c, AsyncResult<T>>>(&self, callback: impl Fn(&AsyncResult<T>) -> R + 'c) -> Link {
        R::rawlink(callback, self)
    }

    /// Removes a link, if it was not called yet.
    pub fn unlink(&self, link: &impl AsLink<AsyncResult<T>>) {
        self.0.unlink(&link.as_link(self));
    }

    /// How many links and waiting greenlets are in line.
    pub fn linkcount(&self) -> usize {
        self.0.linkcount()
    }

    /// Takes over the value or the exception of `source`, if it has one.
    ///
    /// A greenlet that was killed has ended well: this result is [successful](AsyncResult::successful) then, and
    /// [`get`](AsyncResult::get) returns the `GreenletExit` as its error. If `source` panics, for example in its
    /// value's `clone`, the panic becomes the exception.
    ///
    /// Source: `AsyncResult.__call__` in gevent.
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
    pub fn as_link<S: Source<T>>(&self) -> impl Fn(&S) + 'static {
        let result = self.clone();
        move |source| result.call(source)
    }
}

impl<T: Clone + 'static> AsyncResult<T> {
    /// The value that the result holds, if any. The value's `clone` may wait, or set another value here.
    pub fn value(&self) -> Option<T> {
        let copy = |held: &Result<T, Exception>| held.as_ref().ok().cloned();
        self.0.state().value.look(copy).flatten()
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
        if let Some(result) = self.held() {
            return result;
        }
        self.0.wait_timeout(timeout)?;
        self.held().unwrap_or_else(|| Err(crate::timeout::expired(timeout)))
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
        self.0.wait_timeout(timeout)?;
        Ok(self.value())
    }

    #[inline(always)]
    fn held(&self) -> Option<Result<T, Exception>> {
        let value = self.0.state().value.look(Result::clone);
        value.or_else(|| self.exception().map(Err))
    }
}

impl<T> Clone for AsyncResult<T> {
    fn clone(&self) -> Self {
        AsyncResult(self.0.clone())
    }
}

impl<T: 'static> Default for AsyncResult<T> {
    fn default() -> Self {
        AsyncResult::new()
    }
}

impl<T: Clone + 'static> Source<T> for AsyncResult<T> {
    fn exception(&self) -> Option<Exception> {
        AsyncResult::exception(self)
    }

    fn exit(&self) -> Option<Exception> {
        let exit = |held: &Result<T, Exception>| held.as_ref().err().cloned();
        self.0.state().value.look(exit).flatten()
    }

    fn value(&self) -> Option<T> {
        AsyncResult::value(self)
    }
}

impl<T: 'static> Linkable for AsyncResult<T> {
    fn ready(&self) -> bool {
        AsyncResult::ready(self)
    }

    fn rawlink(&self, link: Link) {
        self.0.rawlink(link);
    }

    fn unlink(&self, link: &Link) {
        self.0.unlink(link);
    }

    fn exception(&self) -> Option<Exception> {
        AsyncResult::exception(self)
    }

    fn address(&self) -> usize {
        self.0.address()
    }
}

impl<T: 'static> LinkSource for AsyncResult<T> {
    fn of(source: &dyn Any) -> Option<Self> {
        AbstractLinkable::of(source).map(AsyncResult)
    }
}

impl<T: 'static> PartialEq for AsyncResult<T> {
    /// Whether both are handles of the same result.
    fn eq(&self, other: &Self) -> bool {
        self.0.same(&other.0)
    }
}

impl<T: 'static> Eq for AsyncResult<T> {}

impl<T: 'static> Hash for AsyncResult<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.address().hash(state);
    }
}

impl<T: 'static> fmt::Debug for AsyncResult<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
