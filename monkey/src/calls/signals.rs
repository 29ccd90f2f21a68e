//! Waits for signals that the thread blocks.
//!
//! pause(2) and sigsuspend(2) are not interposed: they end when a handler has run, which only the kernel can tell, so
//! they block the thread.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Instant;

use libc::{c_int, siginfo_t, sigset_t, timespec};

use super::polls::deadline;
use super::readiness::until_ready;
use crate::originals::originals;
use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::{Failed, errno, returned, set_errno};

mod original {
    use super::*;

    originals! {
        sigwait(set: *const sigset_t, signal: *mut c_int) -> c_int;
        sigwaitinfo(set: *const sigset_t, info: *mut siginfo_t) -> c_int;
        sigtimedwait(set: *const sigset_t, info: *mut siginfo_t, time: *const timespec) -> c_int;
    }
}

/// sigwait(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn sigwait(set: *const sigset_t, signal: *mut c_int) -> c_int {
    if let Some(place) = place(Module::Subprocess) {
        // SAFETY: by the prototype's contract.
        match unsafe { waited(place, set, std::ptr::null_mut(), None) } {
            Ok(taken) if taken > 0 => {
                // SAFETY: by the prototype's contract.
                unsafe { signal.write(taken) };
                return 0;
            }
            Ok(_) => return errno(),
            Err(Failed::Errno(errno)) => return errno,
            Err(Failed::MustBlock) => {}
        }
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::sigwait(set, signal) }
}

/// sigwaitinfo(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn sigwaitinfo(set: *const sigset_t, info: *mut siginfo_t) -> c_int {
    if let Some(place) = place(Module::Subprocess)
        // SAFETY: by the prototype's contract.
        && let Some(result) = returned(unsafe { waited(place, set, info, None) })
    {
        return result;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::sigwaitinfo(set, info) }
}

/// sigtimedwait(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn sigtimedwait(set: *const sigset_t, info: *mut siginfo_t, time: *const timespec) -> c_int {
    if let Some(place) = place(Module::Subprocess)
        // SAFETY: by the prototype's contract.
        && let Some(deadline) = unsafe { deadline(time) }
        // SAFETY: by the prototype's contract.
        && let Some(result) = returned(unsafe { waited(place, set, info, deadline) })
    {
        return match result {
            // The time is over.
            0 => {
                set_errno(libc::EAGAIN);
                -1
            }
            result => result,
        };
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::sigtimedwait(set, info, time) }
}

/// The signal that was taken, -1 with the `errno`, or 0 if the time is over.
///
/// # Safety
/// As for sigtimedwait(2).
unsafe fn waited(
    place: Place,
    set: *const sigset_t,
    info: *mut siginfo_t,
    deadline: Option<Instant>,
) -> Result<c_int, Failed> {
    // SAFETY: by this function's contract.
    if set.is_null() || !unsafe { are_blocked(set) } {
        // Only while the kernel waits they are taken, and not handled.
        return Err(Failed::MustBlock);
    }
    // SAFETY: the set is readable.
    let fd = unsafe { libc::signalfd(-1, set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(Failed::MustBlock);
    }
    // SAFETY: the descriptor is new, and ours.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let interests = || std::iter::once((fd.as_raw_fd(), libc::EPOLLIN as u32));
    until_ready(place, deadline, interests, || {
        let none = timespec { tv_sec: 0, tv_nsec: 0 };
        loop {
            // SAFETY: by this function's contract.
            match unsafe { original::sigtimedwait(set, info, &raw const none) } {
                -1 if errno() == libc::EINTR => {}
                -1 if errno() == libc::EAGAIN => return 0,
                taken => return taken,
            }
        }
    })
}

/// The signals that a thread can block, and wait for. Two are the kernel's own, and two the C library's.
pub(super) fn blockable() -> impl Iterator<Item = c_int> {
    (1..=64).filter(|signal| !matches!(*signal, libc::SIGKILL | libc::SIGSTOP | 32 | 33))
}

/// Whether the thread blocks all signals of a set that can be blocked.
///
/// # Safety
/// The pointer is that of a set.
unsafe fn are_blocked(set: *const sigset_t) -> bool {
    let now = blocked();
    blockable().all(|signal| {
        // SAFETY: by this function's contract.
        unsafe { libc::sigismember(set, signal) != 1 || libc::sigismember(&raw const now, signal) == 1 }
    })
}

/// The signals that the thread blocks.
pub(super) fn blocked() -> sigset_t {
    // SAFETY: a set is plain data, and the call only writes it.
    unsafe {
        let mut now: sigset_t = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut now);
        now
    }
}

/// Calls a function while the thread blocks these signals, and no others.
pub(super) fn while_blocked<R>(signals: &sigset_t, f: impl FnOnce() -> R) -> R {
    let before = blocked();
    // SAFETY: both sets are variables.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, signals, std::ptr::null_mut()) };
    let result = f();
    // SAFETY: as above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut()) };
    result
}
