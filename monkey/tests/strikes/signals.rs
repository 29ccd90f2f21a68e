//! Waits for signals that the thread blocks.

use std::io;
use std::mem::zeroed;
use std::ptr::null_mut;

use crate::row::{Case, Row, answered, done};

const SIGNAL: i32 = libc::SIGUSR2;

/// A set of the signal alone.
fn set() -> libc::sigset_t {
    // SAFETY: a set is plain data, and is written.
    unsafe {
        let mut set = zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, SIGNAL);
        set
    }
}

/// Sends the signal to this thread.
fn send() {
    // SAFETY: the thread blocks it.
    assert_eq!(unsafe { libc::pthread_kill(libc::pthread_self(), SIGNAL) }, 0);
}

/// Takes the signal from those that wait for this thread. Returns whether it was there.
fn take() -> bool {
    let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointers are those of variables, or null.
    unsafe { libc::sigtimedwait(&set(), null_mut(), &raw const none) == SIGNAL }
}

/// A call that waits for the signal, which the thread blocks meanwhile.
fn waits(call: fn() -> io::Result<i32>) -> Case {
    // SAFETY: the set is a variable.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set(), null_mut()) };
    let call = move || call().map(|signal| assert_eq!(signal, SIGNAL));
    Case::new(call, send).checked(|succeeded| {
        assert!(!take(), "a signal is left");
        if !succeeded {
            send();
            assert!(take(), "a signal is lost");
        }
        // SAFETY: the set is a variable.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &set(), null_mut()) };
    })
}

fn sigwait() -> io::Result<i32> {
    let mut signal = 0;
    // SAFETY: the pointers are those of variables.
    answered(unsafe { libc::sigwait(&set(), &raw mut signal) })?;
    Ok(signal)
}

fn sigwaitinfo() -> io::Result<i32> {
    // SAFETY: its fields are numbers; the pointers are those of variables.
    unsafe {
        let mut info: libc::siginfo_t = zeroed();
        let signal = done(libc::sigwaitinfo(&set(), &raw mut info))?;
        assert_eq!(i64::from(info.si_signo), signal);
        Ok(info.si_signo)
    }
}

fn sigtimedwait() -> io::Result<i32> {
    let long = libc::timespec {
        tv_sec: 1000,
        tv_nsec: 0,
    };
    // SAFETY: the pointers are those of variables, or null.
    done(unsafe { libc::sigtimedwait(&set(), null_mut(), &raw const long) }).map(|signal| signal as i32)
}

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::new("sigwait", || waits(sigwait)),
        Row::new("sigwaitinfo", || waits(sigwaitinfo)),
        Row::new("sigtimedwait", || waits(sigtimedwait)),
    ]
}
