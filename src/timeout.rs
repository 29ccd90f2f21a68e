//! [`Timeout`]: an exception that comes after some seconds. Source: gevent's `timeout.py`.
//!
//! ```
//! use gevent::prelude::*;
//!
//! // A time for some code; None when it is over.
//! assert_eq!(Timeout::new(0.01).silent(|| sleep(10))?, None);
//! // A time for one call, and what to return when it is over.
//! let answer = with_timeout(0.01, || sleep(10).map(|()| "done"), "too late")?;
//! assert_eq!(answer, "too late");
//! # Ok::<(), Exception>(())
//! ```

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use greenlet_core::{Exception, getcurrent};
use hub::{HubTimer, Seconds, TimedOut, hub_to_wait_in, throw_unless_masked};

static TIMEOUTS: AtomicU64 = AtomicU64::new(0);

/// What a [`Timeout`] throws. [`Timeout::caused`] says whether an error is of that timeout. The default one is of no
/// timeout: Python's `raise Timeout`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeoutError {
    /// None for a wait that was not to take any time.
    id: Option<u64>,
    /// After how many seconds it came.
    pub seconds: Option<f64>,
    /// What it was for.
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

/// Its source is [`TimedOut`], so that one arm catches whatever says that a time is over.
impl Error for TimeoutError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&TimedOut)
    }
}

/// For functions whose errors are those of sockets: the kind is that of a socket's own timeout.
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

/// The error of a wait with a time limit of its own.
#[track_caller]
pub(crate) fn expired(seconds: Option<f64>) -> Exception {
    Exception::new(TimeoutError {
        id: None,
        seconds,
        message: None,
    })
}

/// `1 second`, or `0.5 seconds: message`.
fn seconds_and(
    seconds: f64,
    message: Option<impl fmt::Display>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    #[expect(clippy::float_cmp, reason = "it is what the user wrote")]
    let s = if seconds == 1.0 { "" } else { "s" };
    write!(f, "{seconds} second{s}")?;
    message.map_or(Ok(()), |message| write!(f, ": {message}"))
}

/// A timeout that runs cannot be started again before it is cancelled.
///
/// Source: the `AssertionError` of gevent's `Timeout.start`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is already started; to restart it, cancel it first")]
pub struct TimeoutStartedError(String);

/// Throws a [`TimeoutError`] into the greenlet that started it, some seconds later, unless it
/// is cancelled or dropped before.
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

/// True while the timeout may still come: also while it is held back by a mask.
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
    /// A timeout that is not started. `None` seconds never come.
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

    /// A timeout that is started.
    ///
    /// # Panics
    /// When it cannot be [started](Timeout::start).
    #[track_caller]
    pub fn start_new(seconds: impl Seconds) -> Self {
        let timeout = Timeout::new(seconds);
        if let Err(error) = timeout.start() {
            panic!("cannot start the timeout: {error}");
        }
        timeout
    }

    /// Throws this exception instead of a [`TimeoutError`].
    #[must_use]
    pub fn with_exception(mut self, exception: impl Into<Exception>) -> Self {
        self.exception = Some(exception.into());
        self
    }

    /// Says in its [`TimeoutError`] what it was for: gevent's `Timeout(seconds, "message")`.
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

    /// Whether the running timeout keeps the loop from ending: true unless told otherwise.
    #[must_use]
    pub fn with_ref(mut self, ref_: bool) -> Self {
        self.ref_ = ref_;
        self
    }

    /// The priority of its timer, -1 unless told otherwise: after everything else that happens
    /// in the same iteration, which so is still in time.
    #[must_use]
    pub fn with_priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Starts the timeout for the current greenlet.
    ///
    /// # Errors
    /// [`TimeoutStartedError`] when it runs already; for a time that is no number, and when the
    /// hub's loop is destroyed.
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

    /// Stops the timeout, if it runs. It may be started again, and has its whole time then.
    pub fn cancel(&self) {
        self.running.take();
    }

    /// The same as [`cancel`](Timeout::cancel); there is nothing else to release.
    pub fn close(&self) {
        self.cancel();
    }

    /// Whether it is started and has not come yet.
    pub fn pending(&self) -> bool {
        self.running
            .borrow()
            .as_ref()
            .is_some_and(|(timer, _)| timer.active() || timer.pending())
    }

    /// The exception that it throws when its time has come, to be raised without waiting for that: Python's `raise
    /// timeout`.
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

    /// Whether the exception is this timeout's [`TimeoutError`], or was made of it: identity, Python's
    /// `ex is timeout`. It is not if the timeout was given another exception to throw, see
    /// [`threw`](Timeout::threw).
    pub fn caused(&self, exception: &Exception) -> bool {
        let errors = exception.chain();
        let mut timeouts = errors.filter_map(|error| error.downcast_ref::<TimeoutError>());
        timeouts.any(|error| error.id == Some(self.id))
    }

    /// Whether the exception is what this timeout throws, whatever that is, or was made of it.
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

    /// The seconds given.
    pub fn seconds(&self) -> Option<f64> {
        self.seconds
    }

    /// Calls `function` under this timeout, which is started if need be and closed afterwards:
    /// gevent's `with Timeout(seconds)`, and its `with_timeout` without a `timeout_value`.
    ///
    /// # Errors
    /// The function's own, this timeout's among them: see [`caused`](Timeout::caused).
    pub fn with<T>(&self, function: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
        if !self.pending() {
            self.start()?;
        }
        let _closed = CloseOnDrop(self);
        function()
    }

    /// Calls `function` under this timeout, which is started if need be and closed afterwards.
    /// When it is the timeout that ends the function (see [`threw`](Timeout::threw)), there is no value:
    /// gevent's `with Timeout(seconds, False)`.
    ///
    /// # Errors
    /// The function's own, other timeouts' among them.
    pub fn silent<T>(
        self,
        function: impl FnOnce() -> Result<T, Exception>,
    ) -> Result<Option<T>, Exception> {
        match self.with(function) {
            Err(exception) if self.threw(&exception) => Ok(None),
            result => result.map(Some),
        }
    }
}

/// What the timeout with this id throws, if it was given nothing else to throw.
#[track_caller]
fn own_exception(id: u64, seconds: Option<f64>, message: &Option<Arc<str>>) -> Exception {
    Exception::new(TimeoutError {
        id: Some(id),
        seconds,
        message: message.clone(),
    })
}

/// Closes the timeout however its function ends.
struct CloseOnDrop<'a>(&'a Timeout);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Its seconds, and what it was given to throw: Python's `str(timeout)`.
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
        if let Some(exception) = &self.exception {
            write!(f, " exception={exception:?}")?;
        }
        f.write_str(if self.pending() { " pending>" } else { ">" })
    }
}

/// Calls `function`; if it takes longer than `seconds`, it gets the timeout's exception where
/// it waits, and `timeout_value` is returned instead.
///
/// # Errors
/// The function's own, other timeouts' among them.
pub fn with_timeout<T>(
    seconds: impl Seconds,
    function: impl FnOnce() -> Result<T, Exception>,
    timeout_value: T,
) -> Result<T, Exception> {
    Ok(Timeout::new(seconds)
        .silent(function)?
        .unwrap_or(timeout_value))
}
