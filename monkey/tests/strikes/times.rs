//! Sleeps, and giving way.

use std::io;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::row::{Case, Row, Thrown, answered, done};

/// Twenty milliseconds.
const TIME: libc::timespec = libc::timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// A call that ends by itself.
fn sleeps(call: fn() -> io::Result<()>) -> Case {
    Case::new(call, || {})
}

fn nanosleep() -> io::Result<()> {
    // SAFETY: the pointer is that of a constant.
    done(unsafe { libc::nanosleep(&TIME, null_mut()) }).map(drop)
}

fn clock_nanosleep() -> io::Result<()> {
    // SAFETY: as above.
    answered(unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, 0, &TIME, null_mut()) })
}

fn usleep() -> io::Result<()> {
    // SAFETY: the function has no conditions.
    done(unsafe { libc::usleep(20_000) }).map(drop)
}

fn sleep() -> io::Result<()> {
    // SAFETY: the function has no conditions.
    match unsafe { libc::sleep(1) } {
        0 => Ok(()),
        left => Err(io::Error::other(format!("{left} s are left"))),
    }
}

/// It waits for turns, until something is so. It has no place for an error.
fn yields() -> Case {
    let is_given = Arc::new(AtomicBool::new(false));
    let gives = is_given.clone();
    let call = move || {
        while !is_given.load(Ordering::Relaxed) {
            // SAFETY: the function has no conditions.
            done(unsafe { libc::sched_yield() })?;
        }
        Ok(())
    };
    Case::new(call, move || gives.store(true, Ordering::Relaxed))
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, make| Row::new(name, make).thrown(Thrown::Returns);
    vec![
        row("nanosleep", || sleeps(nanosleep)),
        row("clock_nanosleep", || sleeps(clock_nanosleep)),
        row("usleep", || sleeps(usleep)),
        row("sleep", || sleeps(sleep)),
        row("sched_yield", yields).thrown(Thrown::GoesOn).blocks_greenlets(),
    ]
}
