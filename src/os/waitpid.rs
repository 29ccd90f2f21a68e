//! [`waitpid`]: waiting for children.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use greenlet_core::Exception;
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
/// | -1, no options | the watched child that ended first; if none has, waits in the hub for any child, in the main thread only |
/// | another child, no options | waits in the hub, on any thread (before Linux 5.3 it blocks the thread) |
/// | 0, less than -1, other options | the system's own call. Without `WNOHANG` it blocks the thread, as in gevent |
///
/// While a watched child runs, and while a greenlet waits for any child, libev takes the status of *every* child of the
/// process; a child that is not watched may then be reported as `ECHILD`, here and by std.
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
/// An error of the system: `ECHILD` if there is no such child, or its status was taken by somebody else, or `SIGCHLD`
/// is ignored. [`NotDefaultLoop`](crate::core::NotDefaultLoop) if a thread other than the main one waits for any child.
/// Any exception that is thrown into the greenlet while it waits; the status is still there then.
#[track_caller]
pub fn waitpid(pid: i32, options: i32) -> Result<(i32, ExitStatus), Exception> {
    if pid == 0 || pid < -1 {
        return children::ask_system(pid, options);
    }
    loop {
        if let Some(ended) = children::take(pid) {
            return Ok(ended);
        }
        if pid != -1 && children::is_watched(pid) {
            if children::is_lost(pid) {
                return Err(io::Error::from_raw_os_error(libc::ECHILD).into());
            }
            if options & libc::WNOHANG != 0 {
                return Ok((0, ExitStatus::from_raw(0)));
            }
            children::wait(pid)?;
        } else if options != 0 {
            return children::ask_system(pid, options);
        } else if pid == -1 {
            system::look_for_child(pid)?;
            children::wait(pid)?;
        } else {
            let now = children::ask_system(pid, libc::WNOHANG)?;
            if now.0 != 0 {
                return Ok(now);
            }
            match system::pidfd_open(pid) {
                Ok(pidfd) => wait_read(pidfd.as_raw_fd(), None)?,
                Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => return children::ask_system(pid, 0),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
