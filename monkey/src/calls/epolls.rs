//! Waits for an epoll(7).
//!
//! A signal does not end such a wait, as the thread goes on with others.

use std::time::{Duration, Instant};

use libc::{c_int, epoll_event, sigset_t, timespec};

use super::polls::limit;
use super::readiness::{after, is_usual_mask, until_ready};
use crate::originals::originals;
use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::{Failed, returned};

mod original {
    use super::*;

    originals! {
        epoll_wait(epoll: c_int, events: *mut epoll_event, count: c_int, milliseconds: c_int) -> c_int;
        epoll_pwait(
            epoll: c_int, events: *mut epoll_event, count: c_int, milliseconds: c_int, mask: *const sigset_t,
        ) -> c_int;
    }

    /// Older C libraries have none.
    pub(super) unsafe fn epoll_pwait2(
        epoll: c_int,
        events: *mut epoll_event,
        count: c_int,
        time: *const timespec,
        mask: *const sigset_t,
    ) -> c_int {
        const SIZE: usize = 8; // of the kernel's sets of signals
        // SAFETY: by this function's contract, which is that of the system call.
        unsafe { libc::syscall(libc::SYS_epoll_pwait2, epoll, events, count, time, mask, SIZE) as c_int }
    }
}

/// epoll_wait(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(epoll: c_int, events: *mut epoll_event, count: c_int, milliseconds: c_int) -> c_int {
    if milliseconds != 0
        && let Some(place) = place(Module::Select)
        // SAFETY: by the prototype's contract.
        && let Some(result) = returned(unsafe { waited(place, epoll, events, count, deadline_in(milliseconds)) })
    {
        return result;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::epoll_wait(epoll, events, count, milliseconds) }
}

/// epoll_pwait(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_pwait(
    epoll: c_int,
    events: *mut epoll_event,
    count: c_int,
    milliseconds: c_int,
    mask: *const sigset_t,
) -> c_int {
    if milliseconds != 0
        && let Some(place) = place(Module::Select)
        // SAFETY: by the prototype's contract.
        && unsafe { is_usual_mask(mask) }
        // SAFETY: by the prototype's contract.
        && let Some(result) = returned(unsafe { waited(place, epoll, events, count, deadline_in(milliseconds)) })
    {
        return result;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::epoll_pwait(epoll, events, count, milliseconds, mask) }
}

/// epoll_pwait2(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_pwait2(
    epoll: c_int,
    events: *mut epoll_event,
    count: c_int,
    time: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    if let Some(place) = place(Module::Select)
        // SAFETY: by the prototype's contract.
        && let Some(deadline) = unsafe { limit(time, mask) }
        // SAFETY: by the prototype's contract.
        && let Some(result) = returned(unsafe { waited(place, epoll, events, count, deadline) })
    {
        return result;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::epoll_pwait2(epoll, events, count, time, mask) }
}

fn deadline_in(milliseconds: c_int) -> Option<Instant> {
    after(u64::try_from(milliseconds).ok().map(Duration::from_millis))
}

/// # Safety
/// As for epoll_wait(2).
unsafe fn waited(
    place: Place,
    epoll: c_int,
    events: *mut epoll_event,
    count: c_int,
    deadline: Option<Instant>,
) -> Result<c_int, Failed> {
    let interests = || std::iter::once((epoll, libc::EPOLLIN as u32));
    until_ready(place, deadline, interests, || {
        // SAFETY: by this function's contract.
        unsafe { original::epoll_wait(epoll, events, count, 0) }
    })
}
