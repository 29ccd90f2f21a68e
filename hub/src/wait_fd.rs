//! [`wait_read`] and its like: waiting for a descriptor. Source: `wait_on_watcher`, `wait_read` and others in gevent's
//! `_hub_primitives.py`.

use std::io;
use std::os::fd::RawFd;

use greenlet_core::Exception;
use waiter::{ConcurrentObjectUseError, Park};

use crate::core::{Events, Watcher};
use crate::hub::Hub;
use crate::local::hub_to_wait_in;
use crate::seconds::Seconds;

/// The wait took longer than its timeout.
///
/// All errors that say so have this error among their sources, so that one `match` arm catches them all: the error of a
/// wait for a descriptor, the [`io::Error`] of a socket's own timeout, and the exception that a `Timeout` throws.
///
/// ```
/// use greenlet_core::Exception;
/// use hub::TimedOut;
///
/// let of_a_socket = std::io::Error::from(TimedOut);
/// assert_eq!(of_a_socket.kind(), std::io::ErrorKind::TimedOut);
/// assert!(Exception::from(of_a_socket).is::<TimedOut>());
/// ```
///
/// Source: the `timeout_exc` of gevent's `wait_on_watcher`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("timed out")]
pub struct TimedOut;

impl From<TimedOut> for io::Error {
    fn from(timed_out: TimedOut) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, timed_out)
    }
}

/// The time to wait at most, and the exception when it is over: a number of [`Seconds`], for [`TimedOut`], or a pair of
/// a number of seconds and another exception.
///
/// ```
/// use std::os::fd::AsRawFd;
/// use hub::{TimedOut, wait_read};
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("nothing came")]
/// struct Silence;
///
/// let (socket, _other) = std::os::unix::net::UnixStream::pair()?;
/// let fd = socket.as_raw_fd();
/// assert!(wait_read(fd, 0.001).unwrap_err().is::<TimedOut>());
/// assert!(wait_read(fd, (0.001, Silence)).unwrap_err().is::<Silence>());
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
///
/// Source: `timeout` and `timeout_exc` of gevent's `wait_on_watcher`.
pub trait WaitTimeout {
    /// The time to wait at most.
    fn limit(&self) -> impl Seconds;

    /// The exception when the time is over.
    fn timeout_exc(self) -> Exception;
}

impl<S: Seconds + Copy> WaitTimeout for S {
    fn limit(&self) -> impl Seconds {
        *self
    }

    #[track_caller]
    fn timeout_exc(self) -> Exception {
        Exception::new(TimedOut)
    }
}

impl<S: Seconds + Copy, E: Into<Exception>> WaitTimeout for (S, E) {
    fn limit(&self) -> impl Seconds {
        self.0
    }

    #[track_caller]
    fn timeout_exc(self) -> Exception {
        self.1.into()
    }
}

impl Hub {
    /// [`wait`](Hub::wait) for a watcher that only one greenlet may wait for, at most `timeout` seconds.
    ///
    /// # Errors
    /// [`ConcurrentObjectUseError`] if another greenlet waits for the watcher; [`TimedOut`], or the exception that was
    /// given with the time, when the time is over; the errors of [`wait`](Hub::wait).
    #[track_caller]
    pub fn wait_on_watcher(&self, watcher: &Watcher, timeout: impl WaitTimeout) -> Result<(), Exception> {
        self.wait_on_watcher_unless(watcher, timeout, || Ok(false))
    }

    /// [`wait_on_watcher`](Hub::wait_on_watcher) that calls `check` just before it waits, after the greenlet's hook
    /// (see [`set_switch_out`](crate::set_switch_out)), which may have waited. `check` returns an error if there is
    /// nothing to wait for any more, such as a closed socket. It returns true if the awaited thing has happened
    /// already; then the greenlet goes on as soon as others have had their turn.
    ///
    /// # Errors
    /// The errors of `wait_on_watcher`, and that of `check`.
    #[track_caller]
    pub fn wait_on_watcher_unless(
        &self,
        watcher: &Watcher,
        timeout: impl WaitTimeout,
        check: impl FnOnce() -> Result<bool, Exception>,
    ) -> Result<(), Exception> {
        if watcher.has_callback() {
            return Err(in_use(watcher));
        }
        let limit = timeout.limit().checked()?;
        let park = Park::on(self, watcher.type_name(), watcher.address())?;
        if watcher.has_callback() {
            // The greenlet's hook was called by `Park::on`, and has waited.
            return Err(in_use(watcher));
        }
        if check()? {
            self.loop_().run_callback_resume(park.resume())?;
        }
        match limit {
            None => self.wait_with(watcher, park),
            Some(seconds) => match self.wait_timeout_with(watcher, seconds, park)? {
                true => Ok(()),
                false => Err(timeout.timeout_exc()),
            },
        }
    }
}

#[cold]
#[track_caller]
fn in_use(watcher: &Watcher) -> Exception {
    Exception::new(ConcurrentObjectUseError {
        object: "socket",
        user: format!("another greenlet: {watcher:?}"),
    })
}

/// [`Hub::wait_on_watcher`] in this thread's hub.
///
/// # Errors
/// The same as those of [`Hub::wait_on_watcher`]; an error if there is no hub to wait in.
#[track_caller]
pub fn wait_on_watcher(watcher: &Watcher, timeout: impl WaitTimeout) -> Result<(), Exception> {
    hub_to_wait_in()?.wait_on_watcher(watcher, timeout)
}

#[track_caller]
fn wait_fd(fd: RawFd, events: Events, timeout: impl WaitTimeout) -> Result<(), Exception> {
    let hub = hub_to_wait_in()?;
    let watcher = hub.loop_().io(fd, events)?;
    hub.wait_on_watcher(&watcher, timeout)
}

/// Parks the greenlet until `fd` can be read, at most `timeout` seconds.
///
/// # Errors
/// [`BadFd`](crate::core::BadFd) for a descriptor that is not open; [`TimedOut`], or the exception that was given with
/// the time; any exception that is thrown into the greenlet meanwhile.
#[track_caller]
pub fn wait_read(fd: RawFd, timeout: impl WaitTimeout) -> Result<(), Exception> {
    wait_fd(fd, Events::READ, timeout)
}

/// Parks the greenlet until `fd` can be written, at most `timeout` seconds.
///
/// # Errors
/// As for [`wait_read`].
#[track_caller]
pub fn wait_write(fd: RawFd, timeout: impl WaitTimeout) -> Result<(), Exception> {
    wait_fd(fd, Events::WRITE, timeout)
}

/// Parks the greenlet until `fd` can be read or written, at most `timeout` seconds.
///
/// # Errors
/// As for [`wait_read`].
#[track_caller]
pub fn wait_readwrite(fd: RawFd, timeout: impl WaitTimeout) -> Result<(), Exception> {
    wait_fd(fd, Events::READ | Events::WRITE, timeout)
}
