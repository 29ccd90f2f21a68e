//! Queues of messages of POSIX, which are descriptors on Linux.
//!
//! Those that have no `O_NONBLOCK` are tried with a time that is over, so that the kernel does not wait.

use std::time::Instant;

use hub::core::Events;
use libc::{c_char, c_int, c_uint, mqd_t, size_t, ssize_t, timespec};

use super::blocking::place_for;
use crate::deadline::Deadline;
use crate::originals::originals;
use crate::place::Place;
use crate::wait::{Failed, errno, set_errno};

mod original {
    use super::*;

    originals! {
        mq_timedreceive(
            queue: mqd_t, message: *mut c_char, len: size_t, priority: *mut c_uint, time: *const timespec,
        ) -> ssize_t;
        mq_timedsend(
            queue: mqd_t, message: *const c_char, len: size_t, priority: c_uint, time: *const timespec,
        ) -> c_int;
    }
}

/// mq_receive(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn mq_receive(queue: mqd_t, message: *mut c_char, len: size_t, priority: *mut c_uint) -> ssize_t {
    // SAFETY: by the prototype's contract. Without a time, there is no limit.
    unsafe { mq_timedreceive(queue, message, len, priority, std::ptr::null()) }
}

/// mq_timedreceive(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn mq_timedreceive(
    queue: mqd_t,
    message: *mut c_char,
    len: size_t,
    priority: *mut c_uint,
    time: *const timespec,
) -> ssize_t {
    // SAFETY: by the prototype's contract.
    let receive = |time| unsafe { original::mq_timedreceive(queue, message, len, priority, time) };
    match place_for(queue) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { until(place, queue, Events::READ, time, receive) },
        None => receive(time),
    }
}

/// mq_send(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn mq_send(queue: mqd_t, message: *const c_char, len: size_t, priority: c_uint) -> c_int {
    // SAFETY: by the prototype's contract. Without a time, there is no limit.
    unsafe { mq_timedsend(queue, message, len, priority, std::ptr::null()) }
}

/// mq_timedsend(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn mq_timedsend(
    queue: mqd_t,
    message: *const c_char,
    len: size_t,
    priority: c_uint,
    time: *const timespec,
) -> c_int {
    // SAFETY: by the prototype's contract.
    let send = |time| unsafe { original::mq_timedsend(queue, message, len, priority, time) as ssize_t };
    let sent = match place_for(queue) {
        // SAFETY: by the prototype's contract.
        Some(place) => unsafe { until(place, queue, Events::WRITE, time, send) },
        None => send(time),
    };
    sent as c_int
}

/// Makes a call with a time that is over, until it does not say any more that it would wait, or the caller's time is
/// over.
///
/// # Safety
/// The time is null, or can be read.
unsafe fn until(
    place: Place,
    queue: mqd_t,
    events: Events,
    time: *const timespec,
    call: impl Fn(*const timespec) -> ssize_t,
) -> ssize_t {
    // SAFETY: by this function's contract.
    let deadline = match unsafe { time.as_ref() } {
        None => None,
        Some(time) => match Deadline::by_clock(libc::CLOCK_REALTIME, time) {
            // The kernel refuses it.
            None => return call(time),
            deadline => deadline,
        },
    };
    let over = timespec { tv_sec: 0, tv_nsec: 0 };
    let before = errno();
    loop {
        let done = call(&raw const over);
        if done >= 0 || errno() != libc::ETIMEDOUT || deadline.is_some_and(|deadline| deadline.left().is_zero()) {
            return done;
        }
        set_errno(before);
        let deadline = deadline.and_then(|deadline| Instant::now().checked_add(deadline.left()));
        match place.wait_fd(queue, events, deadline) {
            Ok(_) => {}
            Err(Failed::Errno(errno)) => {
                set_errno(errno);
                return -1;
            }
            Err(Failed::MustBlock) => return call(time),
        }
    }
}
