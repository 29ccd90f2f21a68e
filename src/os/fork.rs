//! [`fork()`] and its variants, and [`posix_spawn`].

#![allow(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus};

use greenlet_core::Exception;
use hub::core::{CallbackResult, StatusUnknown};

use super::{children, system};
use crate::low_numbers;

/// Makes a copy of the process, and watches it, so that [`waitpid`](super::waitpid()) and a handler of `SIGCHLD` hear
/// of its end. Returns 0 in the child, and the child's number in the parent. The page of the [module](super) says what
/// the child has.
///
/// ```
/// use gevent::os::{fork, waitpid};
/// use gevent::prelude::*;
///
/// # fn main() -> Result<(), Exception> {
/// // SAFETY: this program has no other threads.
/// let pid = unsafe { fork() }?;
/// if pid == 0 {
///     // The child: it may wait like any program.
///     let code = sleep(0.01).map_or(1, |()| 7);
///     std::process::exit(code);
/// }
/// let (_, status) = waitpid(pid, 0)?; // other greenlets run
/// assert_eq!(status.code(), Some(7));
/// # Ok(())
/// # }
/// ```
///
/// # Safety
/// In the child, the threads that have not called this function are gone, at whatever they were doing. Either there are
/// none, or until the child ends or runs another program it uses nothing that they may have left half-done, and that
/// is not made for it. The C library's memory, and the loops, hubs and thread pools of this crate are made for it;
/// `println!`, the environment, and other libraries are not. Nor may the child use memory or rings of the kernel that
/// it shares with the parent, where their owner believes to be alone.
///
/// # Errors
/// An error of the system, in the parent; then there is no child.
pub unsafe fn fork() -> Result<i32, Exception> {
    // SAFETY: the caller's.
    unsafe { fork_and_watch(|_, _| ()) }
}

/// As [`fork()`], and has `callback` called in the hub, with the number and the status of the child, when it has ended.
/// The status is not known if other code of the program has waited for the child, or if `SIGCHLD` is ignored.
///
/// The hub does not wait for that: its loop ends if nothing else is to come. A greenlet that calls
/// [`waitpid`](super::waitpid()) keeps it going.
///
/// ```
/// use gevent::os::{fork_and_watch, waitpid};
/// use std::{cell::Cell, rc::Rc};
///
/// let ended = Rc::new(Cell::new(None));
/// let its = ended.clone();
/// // SAFETY: this program has no other threads.
/// let pid = unsafe { fork_and_watch(move |_, status| its.set(status.map(|status| status.code()).ok())) }?;
/// if pid == 0 {
///     std::process::exit(2);
/// }
/// waitpid(pid, 0)?;
/// assert_eq!(ended.get(), Some(Some(2)));
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Safety
/// As for `fork`.
///
/// # Errors
/// As for `fork`. An error of the callback goes to the hub's error handler.
pub unsafe fn fork_and_watch<R: CallbackResult>(
    callback: impl FnOnce(i32, Result<ExitStatus, StatusUnknown>) -> R + 'static,
) -> Result<i32, Exception> {
    // SAFETY: the caller's.
    let forked = watched(|| Ok((unsafe { system::fork() }?, ())), callback)?;
    Ok(forked.map_or(0, |(pid, ())| pid))
}

/// Forks by `fork`, and watches the child. Returns nothing in the child.
fn watched<T, R: CallbackResult>(
    fork: impl FnOnce() -> io::Result<(i32, T)>,
    callback: impl FnOnce(i32, Result<ExitStatus, StatusUnknown>) -> R + 'static,
) -> Result<Option<(i32, T)>, Exception> {
    let mut is_child = false;
    let forked = children::watch(
        || match fork()? {
            // Here nobody is to be watched; the error ends the attempt.
            (0, _) => {
                is_child = true;
                Err(io::ErrorKind::Other.into())
            }
            forked => Ok(forked),
        },
        callback,
    );
    if is_child {
        in_child();
        return Ok(None);
    }
    forked.map(Some)
}

/// Makes a copy of the process, and makes its hub ready, as [`fork()`] does, but does not watch the child.
///
/// # Safety
/// As for `fork`.
///
/// # Errors
/// An error of the system, in the parent.
pub unsafe fn fork_gevent() -> Result<i32, Exception> {
    // SAFETY: the caller's.
    let pid = unsafe { system::fork() }?;
    if pid == 0 {
        in_child();
    }
    Ok(pid)
}

/// As [`fork()`], and gives the child a terminal of its own, as its standard streams and its controlling terminal. The
/// parent gets the other end of the terminal, which is in blocking mode; the child gets none.
///
/// ```
/// use gevent::os::{forkpty, make_nonblocking, nb_read, waitpid};
/// use std::os::fd::AsFd;
///
/// // SAFETY: this program has no other threads.
/// let (pid, terminal) = unsafe { forkpty() }?;
/// let Some(terminal) = terminal else {
///     println!("to the terminal");
///     std::process::exit(0);
/// };
/// make_nonblocking(terminal.as_fd())?;
/// let mut buffer = [0; 100];
/// let count = nb_read(terminal.as_fd(), &mut buffer)?;
/// assert_eq!(&buffer[..count], b"to the terminal\r\n");
/// assert!(waitpid(pid, 0)?.1.success());
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Safety
/// As for `fork`.
///
/// # Errors
/// As for `fork`.
pub unsafe fn forkpty() -> Result<(i32, Option<OwnedFd>), Exception> {
    // SAFETY: the caller's.
    unsafe { forkpty_and_watch(|_, _| ()) }
}

/// [`forkpty`], with the callback of [`fork_and_watch`].
///
/// # Safety
/// As for [`fork()`].
///
/// # Errors
/// As for `fork_and_watch`.
pub unsafe fn forkpty_and_watch<R: CallbackResult>(
    callback: impl FnOnce(i32, Result<ExitStatus, StatusUnknown>) -> R + 'static,
) -> Result<(i32, Option<OwnedFd>), Exception> {
    // SAFETY: the caller's.
    let forked = watched(|| unsafe { system::forkpty() }, callback)?;
    Ok(forked.unwrap_or((0, None)))
}

/// [`fork_gevent`], with the terminal of [`forkpty`].
///
/// # Safety
/// As for [`fork()`].
///
/// # Errors
/// An error of the system, in the parent.
pub unsafe fn forkpty_gevent() -> Result<(i32, Option<OwnedFd>), Exception> {
    // SAFETY: the caller's.
    let (pid, terminal) = unsafe { system::forkpty() }?;
    if pid == 0 {
        in_child();
    }
    Ok((pid, terminal))
}

/// What the child does first of all.
fn in_child() {
    // An error means that the loop is destroyed, or may not be touched just now; a loop that runs later notices the
    // fork by itself. The caller must not take it for an error of the parent.
    let _ = hub::reinit();
    children::forget_parents();
}

/// Runs another program in a child, and watches it like a child of [`fork()`]. Returns the child's number, for
/// [`waitpid`](super::waitpid()). `command` has what Python's function takes as arguments: descriptors, the
/// environment, the process group; it also looks a program up in `PATH`, as `posix_spawnp` does. Nothing is unsafe
/// about this, as the child does nothing but to run the program.
///
/// # Errors
/// The error of [`Command::spawn`].
pub fn posix_spawn(command: &mut Command) -> Result<i32, Exception> {
    let make = || {
        let _held = low_numbers::hold();
        Ok((command.spawn()?.id().cast_signed(), ()))
    };
    let (pid, ()) = children::watch(make, |_, _| ())?;
    Ok(pid)
}
