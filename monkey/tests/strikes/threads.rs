//! Joins. Their callers do not reckon with an error, so that a wait goes on, whatever is thrown.

use std::os::unix::thread::JoinHandleExt;
use std::ptr::null_mut;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use libc::{c_int, pthread_t, timespec};

use crate::row::{Case, Row, Thrown, answered};

unsafe extern "C" {
    fn pthread_timedjoin_np(thread: pthread_t, value: *mut *mut libc::c_void, time: *const timespec) -> c_int;
    fn pthread_clockjoin_np(
        thread: pthread_t,
        value: *mut *mut libc::c_void,
        clock: libc::clockid_t,
        time: *const timespec,
    ) -> c_int;
}

/// A far time, by each clock.
const FAR: timespec = timespec {
    tv_sec: 1 << 40,
    tv_nsec: 0,
};

/// A thread ends, which the caller makes or the carrier has made. Both of them are real ones in a plain greenlet.
fn joins(makes: bool, join: fn(pthread_t) -> c_int) -> Case {
    let (sender, receiver) = channel::<()>();
    let make = |receiver: Receiver<()>| thread::spawn(move || _ = receiver.recv());
    let (made, receiver) = match makes {
        true => (None, Some(receiver)),
        false => (Some(make(receiver)), None),
    };
    let call = move || {
        let thread = made.unwrap_or_else(|| make(receiver.expect("it is not made")));
        answered(join(thread.into_pthread_t()))
    };
    Case::new(call, move || drop(sender))
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, make| Row::new(name, make).thrown(Thrown::GoesOn);
    // SAFETY: in each row, the thread is joined once, and nobody asks for its value.
    unsafe {
        vec![
            row("pthread_join", || joins(false, |it| libc::pthread_join(it, null_mut()))).with("a real thread"),
            row("pthread_join", || joins(true, |it| libc::pthread_join(it, null_mut())))
                .with("a thread of its own")
                .thrown(Thrown::GoesOnOrReturns),
            row("pthread_timedjoin_np", || {
                joins(false, |it| pthread_timedjoin_np(it, null_mut(), &FAR))
            }),
            row("pthread_timedjoin_np", || {
                joins(true, |it| pthread_timedjoin_np(it, null_mut(), &FAR))
            })
            .with("a thread of its own")
            .thrown(Thrown::GoesOnOrReturns),
            row("pthread_clockjoin_np", || {
                joins(false, |it| {
                    pthread_clockjoin_np(it, null_mut(), libc::CLOCK_MONOTONIC, &FAR)
                })
            }),
        ]
    }
}
