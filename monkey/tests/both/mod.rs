//! The same program in real threads and in virtual ones.

#![allow(dead_code)]

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use libc::{c_int, ssize_t};

/// Who runs a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Team {
    /// Threads of the operating system's, whose calls block in the kernel.
    Real,
    /// Virtual threads, all of one thread.
    Virtual,
}

pub(crate) enum Job<T> {
    Real(thread::JoinHandle<T>),
    Virtual(gevent_threading::JoinHandle<T>),
}

impl Team {
    pub(crate) fn spawn<T: Send + 'static>(self, f: impl FnOnce() -> T + Send + 'static) -> Job<T> {
        match self {
            Team::Real => Job::Real(thread::spawn(f)),
            Team::Virtual => Job::Virtual(gevent_threading::spawn(f)),
        }
    }
}

impl<T> Job<T> {
    pub(crate) fn join(self) -> T {
        let ended = match self {
            Job::Real(thread) => thread.join(),
            Job::Virtual(thread) => thread.join(),
        };
        ended.unwrap_or_else(|payload: Box<dyn Any + Send>| resume_unwind(payload))
    }
}

/// Calls `f` in a thread of its own, and ends the process if that takes for ever.
pub(crate) fn bounded<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    gevent_monkey::patch_all().unwrap();
    let (done, is_done) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let value = f();
        drop(done);
        value
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = is_done.recv_timeout(Duration::from_secs(60)) {
        eprintln!("a test hangs: {:?}", thread::current().name());
        std::process::abort();
    }
    thread.join().unwrap_or_else(|payload| resume_unwind(payload))
}

/// Runs a program in real threads, and in virtual ones. What it returns has to be the same.
#[track_caller]
pub(crate) fn as_in_threads<T: PartialEq + Debug + Send + 'static>(program: fn(Team) -> T) -> T {
    let real = bounded(move || program(Team::Real));
    let virtually = bounded(move || Team::Virtual.spawn(move || program(Team::Virtual)).join());
    assert_eq!(virtually, real, "virtual threads are on the left");
    real
}

/// What a system call has returned: a number, or the number of an error.
pub(crate) fn result(returned: ssize_t) -> Result<usize, c_int> {
    usize::try_from(returned).map_err(|_| io::Error::last_os_error().raw_os_error().unwrap())
}
