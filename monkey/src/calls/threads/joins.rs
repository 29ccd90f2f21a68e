//! Joining threads: those that were made here, and real ones.

use std::ffi::c_void;

use gevent_threading::Parker;
use libc::{c_int, clockid_t, pthread_t, timespec};

use super::made::{Made, made};
use crate::deadline::Deadline;
use crate::held::{Ended, give_up_if_unwound, hold};
use crate::patches::Module;
use crate::place::place;
use crate::real_thread::by_real_thread;
use crate::stats::Parked;
use crate::wait::{errno, set_errno};

mod original {
    use super::*;

    crate::originals::originals! {
        pthread_join(thread: pthread_t, answer: *mut *mut c_void) -> c_int;
        pthread_tryjoin_np(thread: pthread_t, answer: *mut *mut c_void) -> c_int;
        pthread_clockjoin_np(
            thread: pthread_t,
            answer: *mut *mut c_void,
            clock: clockid_t,
            time: *const timespec,
        ) -> c_int;
        pthread_detach(thread: pthread_t) -> c_int;
    }
}

/// pthread_join(3). Nobody reckons with an error of it, so that what is thrown into the caller is kept.
#[cfg_attr(not(sanitized), unsafe(no_mangle))]
#[cfg_attr(sanitized, expect(dead_code, reason = "it is the sanitizer's"))]
unsafe extern "C" fn pthread_join(thread: pthread_t, answer: *mut *mut c_void) -> c_int {
    if is_caller(thread) {
        return libc::EDEADLK;
    }
    if let Some(made) = made().find(thread) {
        // SAFETY: by the prototype's contract.
        return unsafe { join(thread, &made, answer, None) };
    }
    // SAFETY: by the prototype's contract.
    let job = move |answer: *mut *mut c_void| unsafe { original::pthread_join(thread, answer) };
    // SAFETY: as above.
    unsafe { join_real(answer, job) }
}

/// pthread_tryjoin_np(3).
#[cfg_attr(not(sanitized), unsafe(no_mangle))]
#[cfg_attr(sanitized, expect(dead_code, reason = "it is the sanitizer's"))]
unsafe extern "C" fn pthread_tryjoin_np(thread: pthread_t, answer: *mut *mut c_void) -> c_int {
    match made().find(thread) {
        Some(made) if !made.thread.is_finished() => libc::EBUSY,
        // SAFETY: by the prototype's contract.
        Some(made) => unsafe { join(thread, &made, answer, None) },
        // SAFETY: by the prototype's contract.
        None => unsafe { original::pthread_tryjoin_np(thread, answer) },
    }
}

/// Whether somebody is about to wait for himself. A real thread that joins for him would not see that.
fn is_caller(thread: pthread_t) -> bool {
    // SAFETY: the function has no conditions.
    unsafe { libc::pthread_self() == thread }
}

/// pthread_timedjoin_np(3).
#[cfg_attr(not(sanitized), unsafe(no_mangle))]
#[cfg_attr(sanitized, expect(dead_code, reason = "it is the sanitizer's"))]
unsafe extern "C" fn pthread_timedjoin_np(thread: pthread_t, answer: *mut *mut c_void, time: *const timespec) -> c_int {
    // SAFETY: by the prototype's contract.
    unsafe { join_until(thread, answer, libc::CLOCK_REALTIME, time) }
}

/// pthread_clockjoin_np(3).
#[cfg_attr(not(sanitized), unsafe(no_mangle))]
#[cfg_attr(sanitized, expect(dead_code, reason = "it is the sanitizer's"))]
unsafe extern "C" fn pthread_clockjoin_np(
    thread: pthread_t,
    answer: *mut *mut c_void,
    clock: clockid_t,
    time: *const timespec,
) -> c_int {
    // SAFETY: by the prototype's contract.
    unsafe { join_until(thread, answer, clock, time) }
}

/// # Safety
/// The arguments are those of a caller of `pthread_clockjoin_np`.
unsafe fn join_until(thread: pthread_t, answer: *mut *mut c_void, clock: clockid_t, time: *const timespec) -> c_int {
    if is_caller(thread) {
        return libc::EDEADLK;
    }
    if let Some(made) = made().find(thread) {
        // SAFETY: by this function's contract.
        let deadline = match unsafe { time.as_ref() } {
            None => None,
            Some(time) => match Deadline::by_clock(clock, time) {
                None => return libc::EINVAL,
                deadline => deadline,
            },
        };
        // SAFETY: by this function's contract.
        return unsafe { join(thread, &made, answer, deadline) };
    }
    // SAFETY: by this function's contract.
    let time = unsafe { time.as_ref() }.copied();
    let job = move |answer: *mut *mut c_void| {
        let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: by this function's contract.
        unsafe { original::pthread_clockjoin_np(thread, answer, clock, time) }
    };
    // SAFETY: by this function's contract.
    unsafe { join_real(answer, job) }
}

/// pthread_detach(3).
#[cfg_attr(not(sanitized), unsafe(no_mangle))]
#[cfg_attr(sanitized, expect(dead_code, reason = "it is the sanitizer's"))]
unsafe extern "C" fn pthread_detach(thread: pthread_t) -> c_int {
    match made().remove(thread) {
        Some(made) => {
            drop(made);
            0
        }
        // SAFETY: by the prototype's contract.
        None => unsafe { original::pthread_detach(thread) },
    }
}

/// Joins a virtual thread. The caller may be any thread.
///
/// # Safety
/// `answer` is null, or can be written.
unsafe fn join(thread: pthread_t, made: &Made, answer: *mut *mut c_void, deadline: Option<Deadline>) -> c_int {
    if !made.thread.is_finished() && !wait(made, deadline) {
        return libc::ETIMEDOUT;
    }
    // Whoever has removed it has joined it.
    if super::made::made().remove(thread).is_none() {
        return libc::ESRCH;
    }
    if !answer.is_null() {
        // SAFETY: by this function's contract.
        unsafe { *answer = made.answer.get() };
    }
    0
}

/// Waits for the end of a virtual thread. Returns whether it has come.
fn wait(made: &Made, deadline: Option<Deadline>) -> bool {
    let (parked, errno) = (Parked::begin(), errno());
    let parker = Parker::new();
    made.thread.unparks(&parker);
    let left = || deadline.map(Deadline::left);
    let ended = hold(&parker, left, || made.thread.is_finished());
    drop(parked);
    set_errno(errno);
    if ended == Ended::Stuck {
        give_up_if_unwound();
        // In a destructor of something that cannot park any more, the thread waits.
        while !made.thread.is_finished() && left() != Some(std::time::Duration::ZERO) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    made.thread.is_finished()
}

/// Joins a real thread: by another one, if the caller can park meanwhile.
///
/// # Safety
/// `answer` is null, or can be written; `job` joins a thread.
unsafe fn join_real(
    answer: *mut *mut c_void,
    job: impl Fn(*mut *mut c_void) -> c_int + Copy + Send + 'static,
) -> c_int {
    if place(Module::Thread).is_some() {
        let joined = by_real_thread(move || {
            let mut answer = std::ptr::null_mut();
            let joined = job(&raw mut answer);
            (joined, answer.expose_provenance())
        });
        if let Ok((joined, theirs)) = joined {
            if joined == 0 && !answer.is_null() {
                // SAFETY: by this function's contract.
                unsafe { *answer = std::ptr::with_exposed_provenance_mut(theirs) };
            }
            return joined;
        }
    }
    job(answer)
}
