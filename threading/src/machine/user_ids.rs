//! `setuid` and the like, which the kernel does for one thread only.
//!
//! The C library does it for all, by a signal to each thread, whose handler notes in the thread's data that it is done.
//! The caller repeats the signal until that is noted where it looks for it: in the data of a real thread. So the
//! handler has to run with a real thread's pointer.

use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::crossing::outside;

/// `SIGSETXID`, which glibc keeps for itself.
const SIGNAL: c_int = 33;

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// What the kernel knows of a signal's handler.
#[repr(C)]
#[derive(Default)]
struct Action {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

/// The C library's handler.
static HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Puts our handler before the C library's. Returns whether that was possible.
pub(super) fn install() -> bool {
    // The C library installs its handler when it makes the process's first thread.
    let made = std::thread::Builder::new().spawn(|| ());
    if !made.is_ok_and(|thread| thread.join().is_ok()) {
        return false;
    }
    let mut action = Action::default();
    let none = std::ptr::null_mut::<Action>();
    // SAFETY: the call fills the action in, and changes nothing. The C library's function refuses to tell.
    let told = unsafe { libc::syscall(libc::SYS_rt_sigaction, SIGNAL, none, &raw mut action, size_of::<u64>()) };
    if told != 0 || action.handler <= 1 || action.flags & libc::SA_SIGINFO as usize == 0 {
        return false;
    }
    HANDLER.store(action.handler, Ordering::Relaxed);
    action.handler = handle as Handler as usize;
    // SAFETY: the action is the C library's own, with a handler that calls the one that was there.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            SIGNAL,
            &raw const action,
            none,
            size_of::<u64>(),
        ) == 0
    }
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: this is the C library's handler for this signal, which was found with the flag for three arguments.
    let handler = unsafe { transmute::<usize, Handler>(HANDLER.load(Ordering::Relaxed)) };
    // The handler is C code and does not panic.
    let _ = outside(|| handler(signal, info, context));
}
