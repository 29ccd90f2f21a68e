//! The system's calls below this module. Only this file has unsafe code.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr::null_mut;

/// Makes a copy of the process. Returns 0 in the child, and the child's number in the parent.
///
/// # Safety
/// As for [`fork`](super::fork()).
pub(super) unsafe fn fork() -> io::Result<i32> {
    // SAFETY: the caller's.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(pid),
    }
}

/// The same, with a terminal for the child. Its other end is returned in the parent.
///
/// # Safety
/// As for [`fork`](super::fork()).
pub(super) unsafe fn forkpty() -> io::Result<(i32, Option<OwnedFd>)> {
    let mut master = -1;
    // SAFETY: the caller's; the number is writable, and the other pointers may be null.
    match unsafe { libc::forkpty(&raw mut master, null_mut(), null_mut(), null_mut()) } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok((0, None)),
        // SAFETY: the call has opened the descriptor, for us.
        pid => Ok((pid, Some(unsafe { OwnedFd::from_raw_fd(master) }))),
    }
}

/// The system's `waitpid`, which blocks the thread unless `options` has `WNOHANG`. A signal does not end it.
pub(super) fn waitpid(pid: i32, options: i32) -> io::Result<(i32, ExitStatus)> {
    let mut status = 0;
    loop {
        // SAFETY: the status is writable.
        let ended = unsafe { libc::waitpid(pid, &raw mut status, options) };
        if ended != -1 {
            return Ok((ended, ExitStatus::from_raw(status)));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Fails with `ECHILD` if this process has no such child, or, for -1, no child at all. Takes no status.
pub(super) fn look_for_child(pid: i32) -> io::Result<()> {
    let (kind, id) = match pid {
        -1 => (libc::P_ALL, 0),
        _ => (libc::P_PID, pid.unsigned_abs()),
    };
    // SAFETY: all zero is a value of this plain struct, which is writable.
    let found = unsafe {
        let mut info = std::mem::zeroed();
        libc::waitid(kind, id, &raw mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT)
    };
    match found {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A descriptor that can be read when the process has ended. Fails with `ENOSYS` where there is no such thing.
pub(super) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    // SAFETY: the call takes two numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    #[cfg(not(target_os = "linux"))]
    let fd = {
        let _ = pid;
        return Err(io::Error::from_raw_os_error(libc::ENOSYS));
    };
    match i32::try_from(fd) {
        // SAFETY: the call has opened the descriptor, for us.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
