//! [`without_sigpipe`]: for the calls that send but take no flag against `SIGPIPE`: `sendfile`, `splice`, and a write
//! to a pipe.
//!
//! The signal is sent to the thread that calls. So it is blocked in this thread meanwhile, and if it has come, it is
//! taken out of the queue before it is let through again: nobody else sees it. Two calls that change the mask take
//! 0.4 µs, and to look into the queue takes 0.3 µs more. That the process ignores the signal, as Rust's own programs
//! do, is no reason to do less: in a thread that blocks it, it would be pending all the same.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use greenlet_core::direct;

/// Calls `function`, which makes one call of the system that sends `len` bytes, and does not switch greenlets. A
/// `SIGPIPE` that this call raises is dropped.
#[allow(unsafe_code)]
pub(crate) fn without_sigpipe(len: usize, function: impl FnOnce() -> io::Result<usize>) -> io::Result<usize> {
    let mut sigpipe = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: each function gets pointers to sets of its own or none; `sigemptyset` and `pthread_sigmask` initialise
    // the two sets before they are read. They fail only for numbers that are no signals.
    let (sigpipe, before) = unsafe {
        libc::sigemptyset(sigpipe.as_mut_ptr());
        libc::sigaddset(sigpipe.as_mut_ptr(), libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, sigpipe.as_ptr(), before.as_mut_ptr());
        (sigpipe.assume_init(), before.assume_init())
    };
    // SAFETY: `before` is an initialised set.
    let was_blocked = unsafe { libc::sigismember(&raw const before, libc::SIGPIPE) } == 1;
    // A signal that the caller itself keeps pending is not ours to take.
    let was_pending = was_blocked && is_pending();
    let result = function();
    // The system sends in several steps. If not the first of them has failed, its result is what was sent before.
    let may_be_broken = match &result {
        Ok(n) => *n < len,
        Err(error) => error.raw_os_error() == Some(libc::EPIPE),
    };
    if may_be_broken && !was_pending {
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the set and the time are initialised, and no information is wanted. The call takes a pending signal
        // of the thread, if there is one, and does not wait.
        direct(|| unsafe { libc::sigtimedwait(&raw const sigpipe, ptr::null_mut(), &raw const at_once) });
    }
    if !was_blocked {
        // SAFETY: `before` is the thread's mask of above; it was not changed meanwhile.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
    }
    result
}

/// Whether a `SIGPIPE` is pending.
#[allow(unsafe_code)]
fn is_pending() -> bool {
    let mut pending = MaybeUninit::uninit();
    // SAFETY: `sigpending` initialises the set.
    unsafe {
        libc::sigpending(pending.as_mut_ptr());
        libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1
    }
}
