//! [`Timeout`]: an exception that comes after some seconds. Source: gevent's `timeout.py`.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use greenlet_core::{Exception, getcurrent};
use hub::core::Timer;
use hub::{Seconds, get_hub};

static TIMEOUTS: AtomicU64 = AtomicU64::new(0);

/// What a [`Timeout`] throws. Which one it was says [`Timeout::caused`].
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub struct TimeoutError {
    id: u64,
    /// After how many seconds it came.
    pub seconds: f64,
}

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.seconds == 1.0 { "" } else { "s" };
        write!(f, "{} second{plural}", self.seconds)
    }
}

/// Throws a [`TimeoutError`] into the greenlet that started it, some seconds later, unless it
/// is closed or dropped before.
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
    timer: Option<Timer>,
}

impl Timeout {
    /// A timeout that is not started. `None` seconds never come.
    pub fn new(seconds: impl Seconds) -> Self {
        Timeout {
            id: TIMEOUTS.fetch_add(1, Ordering::Relaxed),
            seconds: seconds.seconds(),
            timer: None,
        }
    }

    /// A timeout that is started.
    ///
    /// # Panics
    /// When it cannot be [started](Timeout::start).
    #[track_caller]
    pub fn start_new(seconds: impl Seconds) -> Self {
        let mut timeout = Timeout::new(seconds);
        if let Err(error) = timeout.start() {
            panic!("cannot start the timeout: {error}");
        }
        timeout
    }

    /// Starts the timeout for the current greenlet; one that runs already starts afresh.
    ///
    /// # Errors
    /// For a time that is no number, and when the hub's loop is destroyed.
    pub fn start(&mut self) -> Result<(), Exception> {
        self.close();
        let Some(seconds) = self.seconds else {
            return Ok(());
        };
        let hub = get_hub();
        let timer = hub.loop_().timer(seconds, 0.0)?;
        // After everything else that happens in the same iteration: who is in time is in time.
        timer.set_priority(-1)?;
        hub.loop_().update_now()?;
        let (greenlet, error) = (getcurrent(), self.error(seconds));
        timer.start(move || {
            if greenlet.dead() {
                return Ok(());
            }
            greenlet.void_ticket();
            greenlet.throw(error).map(drop)
        })?;
        self.timer = Some(timer);
        Ok(())
    }

    fn error(&self, seconds: f64) -> TimeoutError {
        TimeoutError {
            id: self.id,
            seconds,
        }
    }

    /// Stops the timeout, if it runs.
    pub fn close(&mut self) {
        if let Some(timer) = self.timer.take() {
            // A destroyed loop has stopped it already.
            let _ = timer.stop();
        }
    }

    /// Stops the timeout: the old name of [`close`](Timeout::close).
    pub fn cancel(&mut self) {
        self.close();
    }

    /// Whether it is started and has not come yet.
    pub fn pending(&self) -> bool {
        self.timer
            .as_ref()
            .is_some_and(|timer| timer.active() || timer.pending())
    }

    /// Whether the exception is this timeout's: identity, Python's `ex is timeout`.
    pub fn caused(&self, exception: &Exception) -> bool {
        exception
            .downcast_ref::<TimeoutError>()
            .is_some_and(|error| error.id == self.id)
    }

    /// The seconds given.
    pub fn seconds(&self) -> Option<f64> {
        self.seconds
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Timeout")?;
        if self.pending() {
            f.write_str(" pending")?;
        }
        match self.seconds {
            Some(seconds) => write!(f, " seconds={seconds}>"),
            None => f.write_str(">"),
        }
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
    let mut timeout = Timeout::new(seconds);
    timeout.start()?;
    match function() {
        Err(exception) if timeout.caused(&exception) => Ok(timeout_value),
        result => result,
    }
}
