//! [`waitpid`]: waiting for children.

use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use greenlet_core::Exception;
use hub::core::OwnChild;
use hub::wait_read;

use super::{children, system};

/// Waits until the child `pid` has ended, and returns its number and its status. -1 means any child. `options` is 0 or
/// flags of `libc`: with `WNOHANG` the call does not wait, but returns 0 in the place of the number.
///
/// A child of [`fork`](super::fork()), [`fork_and_watch`](super::fork_and_watch) and the like is *watched*: its status
/// is kept for a minute until it is asked for, as long as this thread's hub runs now and then. One call gets it; later
/// ones fail with `ECHILD`. (In gevent, a call that waits leaves the status there for one more.)
///
/// | call | what it does |
/// |---|---|
/// | a watched child | waits in the hub. Options other than `WNOHANG` have no meaning |
/// | -1, no options | the watched child that ended first; if none has, waits in the hub for any child of the process |
/// | another child, no options | waits in the hub (before Linux 5.3 it blocks the thread) |
/// | 0, less than -1, other options | the system's own call. Without `WNOHANG` it blocks the thread, as in gevent |
///
/// All this works on any thread; a child is watched in the thread that has made it. Children of
/// [`subprocess`](crate::subprocess) keep their statuses there if a call with -1 returns them, too; those of std do
/// not, which may be reported as `ECHILD` to std then. A watched child that a call with -1 in another thread returns is
/// returned in its own thread, too. A thread waits for the end of any child; it stays until then if
/// an exception ends the wait.
///
/// In the child of a fork, greenlets that wait here are woken, and get the error that the system has for a process
/// without these children: `ECHILD`.
///
/// ```
/// use gevent::os::{posix_spawn, waitpid};
/// use gevent::prelude::*;
/// use std::process::Command;
///
/// let pid = posix_spawn(Command::new("sh").args(["-c", "exit 3"]))?;
/// let other = spawn(|| "runs meanwhile");
/// let (ended, status) = waitpid(pid, 0)?;
/// assert_eq!((ended, status.code()), (pid, Some(3)));
/// assert!(other.ready());
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
/// [`StatusUnknown`](crate::core::StatusUnknown) for a watched child that has ended, but whose status somebody else has
/// taken: other code that waits for children, or the system, if `SIGCHLD` is ignored. An error of the system: `ECHILD`
/// if there is no such child. Any exception that is thrown into the greenlet while it waits; the status is still there
/// then.
#[track_caller]
pub fn waitpid(pid: i32, options: i32) -> Result<(i32, ExitStatus), Exception> {
    if pid == 0 || pid < -1 {
        return ask_system(pid, options);
    }
    loop {
        if let Some((pid, status)) = children::take(pid) {
            return Ok((pid, status?));
        }
        if pid == -1 {
            match children::ended_untold() {
                Some(child) if options == 0 => children::wait(&child)?,
                Some(child) => return ended(&child),
                None if options == 0 => match ask_system(-1, libc::WNOHANG)? {
                    (0, _) => children::wait_for_any()?,
                    got => return Ok(got),
                },
                None => return ask_system(-1, options),
            }
        } else if let Some(child) = children::running(pid)? {
            if options & libc::WNOHANG != 0 {
                return ended(&child);
            }
            children::wait(&child)?;
        } else if options != 0 {
            return ask_system(pid, options);
        } else {
            let now = ask_system(pid, libc::WNOHANG)?;
            if now.0 != 0 {
                return Ok(now);
            }
            match system::pidfd_open(pid) {
                Ok(pidfd) => wait_read(pidfd.as_raw_fd(), None)?,
                Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => return ask_system(pid, 0),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The status of a watched child, if it has ended.
fn ended(child: &OwnChild) -> Result<(i32, ExitStatus), Exception> {
    let status = child.status();
    if matches!(status, Ok(None)) {
        return Ok((0, ExitStatus::from_raw(0)));
    }
    children::forget(child.pid());
    Ok((child.pid(), status?.unwrap_or_default()))
}

/// Asks the system, as its own `waitpid` does.
fn ask_system(pid: i32, options: i32) -> Result<(i32, ExitStatus), Exception> {
    let (pid, status) = hub::core::waitpid(pid, options)?;
    if status.code().is_some() || status.signal().is_some() {
        children::forget(pid);
    }
    Ok((pid, status))
}
