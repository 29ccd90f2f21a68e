//! The errors: [`CalledProcessError`] and [`TimeoutExpired`]. Source: Python's `subprocess`.

use std::ffi::OsString;
use std::fmt;

use crate::exceptions::TimedOut;

pub use hub::core::StatusUnknown;

/// A command has ended with another status than 0.
///
/// ```
/// use gevent::subprocess::{CalledProcessError, check_output, Command};
///
/// let error = check_output(Command::shell("echo no; exit 3")).unwrap_err();
/// let error: &CalledProcessError = error.downcast_ref().unwrap();
/// assert_eq!(error.returncode, 3);
/// assert_eq!(error.output.as_deref(), Some(&b"no\n"[..]));
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct CalledProcessError {
    /// The program and its arguments.
    pub cmd: Vec<OsString>,
    /// The exit code; negative for a signal, which has ended the child.
    pub returncode: i32,
    /// The standard output, if it was captured.
    pub output: Option<Vec<u8>>,
    /// The standard error, if it was captured.
    pub stderr: Option<Vec<u8>>,
}

impl CalledProcessError {
    /// The standard output, if it was captured: another name of [`output`](CalledProcessError::output).
    pub fn stdout(&self) -> Option<&[u8]> {
        self.output.as_deref()
    }
}

impl fmt::Display for CalledProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CalledProcessError { cmd, returncode, .. } = self;
        match returncode {
            ..0 => write!(f, "Command {cmd:?} died with signal {}.", -returncode),
            _ => write!(f, "Command {cmd:?} returned non-zero exit status {returncode}."),
        }
    }
}

impl fmt::Debug for CalledProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CalledProcessError({}, {:?})", self.returncode, self.cmd)
    }
}

/// A command has not ended in time. [`TimedOut`] is among its sources, as with all errors of that kind.
///
/// The command goes on, except in the functions that both start and wait (`run`, `call` and their like), which kill it.
///
/// ```
/// use gevent::subprocess::{Popen, TimeoutExpired};
///
/// let popen = Popen::new(["sleep", "100"])?;
/// let error = popen.wait_timeout(0.01).unwrap_err();
/// assert!(error.is::<TimeoutExpired>());
/// assert_eq!(popen.poll()?, None);
/// popen.kill()?;
/// assert_eq!(popen.wait()?, -9);
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub struct TimeoutExpired {
    /// The program and its arguments.
    pub cmd: Vec<OsString>,
    /// How many seconds it had.
    pub timeout: f64,
    /// The standard output up to then, if it was captured by a function that has killed the command.
    pub output: Option<Vec<u8>>,
    /// The standard error, alike.
    pub stderr: Option<Vec<u8>>,
    pub(super) source: TimedOut,
}

impl TimeoutExpired {
    /// The standard output: another name of [`output`](TimeoutExpired::output).
    pub fn stdout(&self) -> Option<&[u8]> {
        self.output.as_deref()
    }
}

impl fmt::Display for TimeoutExpired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command {:?} timed out after {} seconds", self.cmd, self.timeout)
    }
}

impl fmt::Debug for TimeoutExpired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeoutExpired({:?}, {})", self.cmd, self.timeout)
    }
}
