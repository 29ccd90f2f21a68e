//! Writing to a pipe without `SIGPIPE`.
//!
//! A write to a pipe that nobody reads raises this signal in the thread that writes, and has no flag against that, as
//! sending to a socket has. (A pair of sockets in place of a pipe would be no remedy: a child cannot open its
//! `/dev/stdin` then, and shells take a socket for a remote login.) Rust's own programs ignore the signal; where the
//! process does not, it is blocked for the moment of the write, and taken away if the write has raised it.
#![allow(unsafe_code)]

use std::io;
use std::mem::zeroed;
use std::ptr;

/// Calls `write`, which may raise `SIGPIPE` in this thread, and lets nobody see that signal.
pub(super) fn without_signal<T>(write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if is_ignored() {
        return write();
    }
    let blocked = Blocked::begin();
    let written = write();
    if let Err(error) = &written
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        blocked.forget_new();
    }
    written
}

fn is_ignored() -> bool {
    // SAFETY: the call only writes to the struct, which is plain data and valid when zeroed.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        libc::sigaction(libc::SIGPIPE, ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

/// While it exists, the signal is blocked in this thread. No greenlet switches meanwhile.
struct Blocked {
    before: libc::sigset_t,
    was_pending: bool,
}

/// The set of this one signal.
fn sigpipe() -> libc::sigset_t {
    // SAFETY: the set is initialised before it is used.
    unsafe {
        let mut set: libc::sigset_t = zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGPIPE);
        set
    }
}

fn is_pending() -> bool {
    // SAFETY: the call initialises the set.
    unsafe {
        let mut pending: libc::sigset_t = zeroed();
        libc::sigpending(&raw mut pending) == 0 && libc::sigismember(&raw const pending, libc::SIGPIPE) == 1
    }
}

impl Blocked {
    fn begin() -> Blocked {
        // SAFETY: the sets are initialised; the mask is that of this thread.
        let before = unsafe {
            let mut before: libc::sigset_t = zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, &sigpipe(), &raw mut before);
            before
        };
        Blocked {
            before,
            was_pending: is_pending(),
        }
    }

    /// Takes the signal that a write has raised.
    fn forget_new(&self) {
        if !self.was_pending && is_pending() {
            let mut signum = 0;
            // SAFETY: the signal is pending and blocked in this thread, so the call returns at once.
            unsafe { libc::sigwait(&sigpipe(), &raw mut signum) };
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: this is the mask that the thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut()) };
    }
}
