//! The system's calls below this module. Only this file has unsafe code.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
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
