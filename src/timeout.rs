//! [`Timeout`]: throws an exception after some seconds. Source: gevent's `timeout.py`.
//!
//! ```
//! use gevent::prelude::*;
//!
//! // A time limit for some code, which gives None when the time is over.
//! assert_eq!(Timeout::new(0.01).silent(|| sleep(10))?, None);
//! // A time limit for some code, with the value to return when the time is over.
//! let answer = with_timeout(0.01, || sleep(10).map(|()| "done"), "too late")?;
//! assert_eq!(answer, "too late");
//! # Ok::<(), Exception>(())
//! ```

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use greenlet_core::{Exception, getcurrent};
use hub::{HubTimer, Seconds, TimedOut, hub_to_wait_in, throw_unless_masked};

static TIMEOUTS: AtomicU64 = AtomicU64::new(0);

/// The error that a [`Timeout`] throws. [`Timeout::caused`] says whether an error comes from a certain timeout. The
/// default error comes from none: Python's `raise Timeout`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeoutError {
    /// The timeout's number. None if the error comes from no [`Timeout`].
    id: Option<u64>,
    /// The seconds that were given to the timeout.
    pub seconds: Option<f64>,
    /// The text that was given to the timeout.
    message: Option<Arc<str>>,
}

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seconds {
            Some(seconds) => seconds_and(seconds, self.message.as_ref(), f),
            None => f.write_str("timed out"),
        }
    }
}

/// Its source is [`TimedOut`], as that of all errors which say that a time is over, so that one match arm catches them.
impl Error for TimeoutError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&TimedOut)
    }
}

/// The kind is [`io::ErrorKind::TimedOut`], as for a socket's own timeout.
impl From<TimeoutError> for io::Error {
    fn from(error: TimeoutError) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, error)
    }
}

impl From<TimedOut> for TimeoutError {
    fn from(TimedOut: TimedOut) -> Self {
        TimeoutError::default()
    }
}

/// The error of a call whose own time limit is over.
#[track_caller]
pub(crate) fn expired(seconds: Option<f64>) -> Exception {
    Exception::new(TimeoutError {
        id: None,
        seconds,
        message: None,
    })
}

/// Writes `1 second`, or `0.5 seconds: message`.
fn seconds_and(seconds: f64, message: Option<impl fmt::Display>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    #[expect(clippy::float_cmp, reason = "it is what the user wrote")]
    let s = if seconds == 1.0 { "" } else { "s" };
    write!(f, "{seconds} second{s}")?;
    message.map_or(Ok(()), |message| write!(f, ": {message}"))
}

/// The error of [`Timeout::start`] for a timeout that runs. It must be cancelled before it is started again.
///
/// Source: the `AssertionError` of gevent's `Timeout.start`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is already started; to restart it, cancel it first")]
pub struct TimeoutStartedError(String);

/// A time limit, which throws a [`TimeoutError`] into the greenlet that started it when some seconds have passed,
/// unless it is cancelled or dropped before.
///
/// ```
/// use gevent::Timeout;
/// let timeout = Timeout::start_new(0.01);
/// let error = gevent::sleep(10).unwrap_err();
/// assert!(timeout.caused(&error));
/// ```
pub struct Timeout {
    id: u64,
    seconds: Option<f64>,
    exception: Option<Exception>,
    message: Option<Arc<str>>,
    ref_: bool,
    priority: i32,
    running: RefCell<Option<(HubTimer, Running)>>,
}

/// A flag that is true until the timeout is cancelled, dropped or started again. An exception that a mask holds back is
/// thrown only if it is still true then.
struct Running(Rc<Cell<bool>>);

impl Default for Running {
    fn default() -> Self {
        Running(Rc::new(Cell::new(true)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Timeout {
    /// Makes a timeout that is not started. With `None` seconds it never throws.
    pub fn new(seconds: impl Seconds) -> Self {
        Timeout {
            id: TIMEOUTS.fetch_add(1, Ordering::Relaxed),
            seconds: seconds.seconds(),
            exception: None,
            message: None,
            ref_: true,
            priority: -1,
            running: RefCell::default(),
        }
    }

    /// Makes a timeout and starts it; or starts one that exists, unless it is running, and returns that one.
    ///
    /// ```
    /// use gevent::Timeout;
    ///
    /// let minute = Timeout::start_new(60);
    /// assert!(Timeout::start_new(&minute) == &minute); // it runs on
    ///
    /// let own_error = Timeout::start_new(Timeout::new(60).with_message("no answer"));
    /// assert!(own_error.pending());
    /// ```
    ///
    /// If there is no hub to wait in (the thread is over, or its hub is destroyed or cannot be made), the timeout is
    /// not started, as every wait that it could limit fails there.
    ///
    /// # Panics
    /// Panics if [`start`](Timeout::start) fails otherwise, for example for NaN seconds.
    #[track_caller]
    pub fn start_new<T: IntoTimeout>(timeout: T) -> T::Timeout {
        let given = timeout.into_timeout();
        let timeout: &Timeout = given.borrow();
        if let Err(error) = timeout.start_unless_pending()
            && hub_to_wait_in().is_ok()
        {
            panic!("cannot start the timeout: {error}");
        }
        given
    }

    /// Makes the timeout throw this very exception instead of a [`TimeoutError`], the [same](Exception::same) one each
    /// time: gevent's `Timeout(seconds, exception)`.
    ///
    /// ```
    /// use gevent::{Exception, Timeout};
    ///
    /// let late = Exception::msg("too late");
    /// let error = Timeout::new(0.01).with_exception(late.clone()).with(|| gevent::sleep(10));
    /// assert!(error.unwrap_err().same(&late));
    /// ```
    #[must_use]
    pub fn with_exception(mut self, exception: impl Into<Exception>) -> Self {
        self.exception = Some(exception.into());
        self
    }

    /// Adds a text to the timeout's [`TimeoutError`]: gevent's `Timeout(seconds, "message")`.
    ///
    /// ```
    /// let timeout = gevent::Timeout::new(0.01).with_message("no answer");
    /// let error = timeout.with(|| gevent::sleep(10)).unwrap_err();
    /// assert_eq!(error.to_string(), "0.01 seconds: no answer");
    /// ```
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Arc<str>>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets whether the running timeout keeps the loop from ending; true by default.
    #[must_use]
    pub fn with_ref(mut self, ref_: bool) -> Self {
        self.ref_ = ref_;
        self
    }

    /// Sets the priority of the timeout's timer; -1 by default. So the timeout comes after the other events of the same
    /// iteration, which are still in time.
    #[must_use]
    pub fn with_priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Starts the timeout for the current greenlet.
    ///
    /// # Errors
    /// Fails with [`TimeoutStartedError`] if the timeout runs already, and also for a time that is not a number, and if
    /// the hub's loop is destroyed.
    pub fn start(&self) -> Result<(), Exception> {
        if self.pending() {
            return Err(Exception::new(TimeoutStartedError(format!("{self:?}"))));
        }
        let Some(seconds) = self.seconds.checked()? else {
            return Ok(());
        };
        let hub = hub_to_wait_in()?;
        let timer = hub.timer(seconds)?;
        timer.set_priority(self.priority)?;
        timer.set_ref(self.ref_)?;
        hub.loop_().update_now()?;
        let (greenlet, id) = (getcurrent(), self.id);
        let running = Running::default();
        let alive = running.0.clone();
        let (exception, message) = (self.exception.clone(), self.message.clone());
        timer.start(move || {
            let exception = exception
                .clone()
                .unwrap_or_else(|| own_exception(id, Some(seconds), &message));
            let alive = alive.clone();
            throw_unless_masked(&greenlet, move || alive.get(), exception)
        })?;
        self.running.replace(Some((timer, running)));
        Ok(())
    }

    fn start_unless_pending(&self) -> Result<(), Exception> {
        match self.pending() {
            true => Ok(()),
            false => self.start(),
        }
    }

    /// Stops the timeout, if it runs. It may be started again, with its whole time.
    pub fn cancel(&self) {
        self.running.take();
    }

    /// The same as [`cancel`](Timeout::cancel), as there is nothing else to release.
    pub fn close(&self) {
        self.cancel();
    }

    /// Whether the timeout is started and its time is not over.
    pub fn pending(&self) -> bool {
        self.running
            .borrow()
            .as_ref()
            .is_some_and(|(timer, _)| timer.active() || timer.pending())
    }

    /// The exception that the timeout throws when its time is over, to be returned earlier: Python's `raise timeout`.
    ///
    /// ```
    /// let timeout = gevent::Timeout::new(1);
    /// let late = || -> Result<(), gevent::Exception> { Err(timeout.exception()) };
    /// assert!(timeout.caused(&late().unwrap_err()));
    /// ```
    #[track_caller]
    pub fn exception(&self) -> Exception {
        match &self.exception {
            Some(exception) => exception.clone(),
            None => own_exception(self.id, self.seconds, &self.message),
        }
    }

    /// Whether the exception is this timeout's own [`TimeoutError`], or was made of it: Python's `ex is timeout`. False
    /// for an exception that was given to the timeout to throw, see [`threw`](Timeout::threw).
    pub fn caused(&self, exception: &Exception) -> bool {
        let errors = exception.chain();
        let mut timeouts = errors.filter_map(|error| error.downcast_ref::<TimeoutError>());
        timeouts.any(|error| error.id == Some(self.id))
    }

    /// Whether the exception is the one that this timeout throws, its [`TimeoutError`] or another, or was made of it.
    ///
    /// ```
    /// use gevent::{Exception, Timeout};
    ///
    /// let timeout = Timeout::new(0.01).with_exception(Exception::msg("too late"));
    /// let error = timeout.with(|| gevent::sleep(10)).unwrap_err();
    /// assert!(timeout.threw(&error) && !timeout.caused(&error));
    /// ```
    pub fn threw(&self, exception: &Exception) -> bool {
        let own = |own: &Exception| exception.holds(own);
        self.exception.as_ref().is_some_and(own) || self.caused(exception)
    }

    /// The seconds that were given to the timeout.
    pub fn seconds(&self) -> Option<f64> {
        self.seconds
    }

    /// Calls `function` within this time limit: gevent's `with Timeout(seconds)`, and its `with_timeout` without a
    /// `timeout_value`. The timeout is started before unless it runs, and closed afterwards.
    ///
    /// # Errors
    /// Fails as [`start`](Timeout::start) does, and returns the function's error. That may be this timeout's, see
    /// [`caused`](Timeout::caused).
    pub fn with<T>(&self, function: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
        self.start_unless_pending()?;
        let _closed = CloseOnDrop(self);
        function()
    }

    /// Calls `function` within this time limit, as [`with`](Timeout::with) does, but returns `None` if the function
    /// ends with this timeout's exception (see [`threw`](Timeout::threw)): gevent's `with Timeout(seconds, False)`.
    ///
    /// # Errors
    /// Returns the function's other errors, those of other timeouts among them.
    pub fn silent<T>(&self, function: impl FnOnce() -> Result<T, Exception>) -> Result<Option<T>, Exception> {
        match self.with(function) {
            Err(exception) if self.threw(&exception) => Ok(None),
            result => result.map(Some),
        }
    }
}

/// Two timeouts are equal if they are the same one: Python's `is`.
impl PartialEq for Timeout {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Timeout {}

impl Hash for Timeout {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// A timeout that exists, or the [`Seconds`] for a new one: the argument of [`Timeout::start_new`] and
/// [`with_timeout`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a time nor a timeout",
    label = "a time is a number of seconds, a `Duration`, or `None` for ever",
    note = "if it may be none, it is an `Option<f64>`: `Some(5.0)`; a `Duration`: `.map(|duration| duration.as_secs_f64())`"
)]
pub trait IntoTimeout {
    /// What becomes of the argument: a timeout, or a reference of one.
    type Timeout: Borrow<Timeout>;

    /// The timeout. It is not started by that.
    fn into_timeout(self) -> Self::Timeout;
}

impl<S: Seconds> IntoTimeout for S {
    type Timeout = Timeout;

    fn into_timeout(self) -> Timeout {
        Timeout::new(self)
    }
}

impl IntoTimeout for Timeout {
    type Timeout = Timeout;

    fn into_timeout(self) -> Timeout {
        self
    }
}

impl<'a> IntoTimeout for &'a Timeout {
    type Timeout = &'a Timeout;

    fn into_timeout(self) -> &'a Timeout {
        self
    }
}

/// The exception that the timeout with this id throws, if it was not given another.
#[track_caller]
fn own_exception(id: u64, seconds: Option<f64>, message: &Option<Arc<str>>) -> Exception {
    Exception::new(TimeoutError {
        id: Some(id),
        seconds,
        message: message.clone(),
    })
}

/// Closes the timeout when its function ends, also by a panic.
struct CloseOnDrop<'a>(&'a Timeout);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Writes the seconds, and the exception or text that was given to the timeout: Python's `str(timeout)`.
impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.seconds, &self.exception) {
            (None, _) => Ok(()),
            (Some(seconds), Some(exception)) => seconds_and(seconds, Some(exception), f),
            (Some(seconds), None) => seconds_and(seconds, self.message.as_ref(), f),
        }
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Timeout seconds=")?;
        match self.seconds {
            Some(seconds) => write!(f, "{seconds}")?,
            None => f.write_str("None")?,
        }
        match (&self.exception, &self.message) {
            (Some(exception), _) => write!(f, " exception={exception:?}")?,
            (None, Some(message)) => write!(f, " exception={message:?}")?,
            (None, None) => {}
        }
        f.write_str(if self.pending() { " pending>" } else { ">" })
    }
}

/// Calls `function`, and returns its value, or `timeout_value` if the function takes longer than `timeout`: a number of
/// seconds, or a [`Timeout`], which is started unless it is running, and cancelled afterwards. When the time is over,
/// the timeout throws into the function where it waits.
///
/// ```
/// use gevent::{Timeout, sleep, with_timeout};
///
/// assert_eq!(with_timeout(0.01, || sleep(10).map(|()| "done"), "too late")?, "too late");
/// let timeout = Timeout::new(0.01);
/// for _ in 0..2 {
///     assert_eq!(with_timeout(&timeout, || sleep(10).map(|()| "done"), "too late")?, "too late");
/// }
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// Returns the function's other errors, those of other timeouts among them. As in gevent, so is the exception of a
/// timeout that was given [another one to throw](Timeout::with_exception).
pub fn with_timeout<T>(
    timeout: impl IntoTimeout,
    function: impl FnOnce() -> Result<T, Exception>,
    timeout_value: T,
) -> Result<T, Exception> {
    let given = timeout.into_timeout();
    let timeout: &Timeout = given.borrow();
    let result = match timeout.with(function) {
        Err(exception) if timeout.caused(&exception) => Ok(timeout_value),
        result => {
            drop(timeout_value);
            result
        }
    };
    // Destructors may panic, and what is being returned would be forgotten.
    drop(given);
    result
}
