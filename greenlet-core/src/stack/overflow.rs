//! Tells a stack overflow from other crashes: a handler for SIGSEGV and SIGBUS that knows our
//! guard pages.
//!
//! A fault in the guard page of the running greenlet prints which greenlet it was, how large its
//! stack is and how to get a larger one, and aborts. Every other fault is passed on to the
//! handler that was there before, the standard library's for instance, which does the same for
//! threads.
//!
//! The handler is installed once, when the process's first greenlet gets its stack, and runs on
//! the thread's alternate signal stack, since the one that overflowed has no room. The standard
//! library gives its threads one; others get one with their first greenlet.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::io::Write;
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::Once;

use super::page_size;
use crate::thread::Thread;

/// Enough for the handler, and for what handlers before us do.
const ALTERNATE_STACK: usize = 64 * 1024;

/// The handlers that were there before ours.
static OLD: Old = Old(UnsafeCell::new([const { MaybeUninit::uninit() }; 2]));
static INSTALLED: Once = Once::new();

struct Old(UnsafeCell<[MaybeUninit<libc::sigaction>; 2]>);

// SAFETY: each element is written once, under `INSTALLED` and before the handler that reads it
// is there.
unsafe impl Sync for Old {}

const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Makes sure that overflows on this thread are reported. Failing means that they are not.
pub(crate) fn prepare_thread() {
    INSTALLED.call_once(|| {
        for (index, signal) in SIGNALS.into_iter().enumerate() {
            // SAFETY: the new action is complete, and the old one has its place; see `Old`.
            unsafe {
                let mut action: libc::sigaction = mem::zeroed();
                action.sa_sigaction =
                    (handle as extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)) as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                let old = &raw mut (*OLD.0.get())[index];
                if libc::sigaction(signal, ptr::null(), old.cast()) == 0 {
                    libc::sigaction(signal, &raw const action, ptr::null_mut());
                }
            }
        }
    });
    // SAFETY: asks, and if there is none gives the thread a stack that is never freed.
    unsafe {
        let mut alternate: libc::stack_t = mem::zeroed();
        if libc::sigaltstack(ptr::null(), &raw mut alternate) != 0
            || alternate.ss_flags & libc::SS_DISABLE == 0
        {
            return;
        }
        let memory = Box::leak(vec![0_u8; ALTERNATE_STACK].into_boxed_slice());
        alternate.ss_sp = memory.as_mut_ptr().cast();
        alternate.ss_size = memory.len();
        alternate.ss_flags = 0;
        libc::sigaltstack(&raw const alternate, ptr::null_mut());
    }
}

/// The signal handler. Everything in it is safe in a signal handler: no allocation, no lock.
extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes what it knows of the fault.
    let address = unsafe { (*info).si_addr() }.addr();
    if Thread::running_guard().is_some_and(|guard| guard.contains(&address)) {
        report();
    }
    pass_on(signal, info, context);
}

/// Says what happened, and ends the process.
fn report() -> ! {
    let mut text = Text {
        bytes: [0; 1024],
        len: 0,
    };
    let _ = Thread::describe_overflow(&mut text);
    // SAFETY: writes initialised bytes.
    unsafe { libc::write(2, text.bytes.as_ptr().cast(), text.len) };
    // SAFETY: it has no preconditions.
    unsafe { libc::abort() }
}

/// A message on the stack; what does not fit is cut off.
struct Text {
    bytes: [u8; 1024],
    len: usize,
}

impl std::fmt::Write for Text {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        let written = (&mut self.bytes[self.len..]).write(s.as_bytes());
        self.len += written.unwrap_or(0);
        Ok(())
    }
}

/// Gives the signal to the handler that was there before.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let index = usize::from(signal != libc::SIGSEGV);
    // SAFETY: written before this handler was installed, see `Old`; and a handler is called the
    // way its flags say.
    unsafe {
        let old = (*OLD.0.get())[index].assume_init();
        match old.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => {
                // The faulting instruction runs again, and this time the process dies of it.
                let mut action: libc::sigaction = mem::zeroed();
                action.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &raw const action, ptr::null_mut());
            }
            handler if old.sa_flags & libc::SA_SIGINFO != 0 => {
                let handler = mem::transmute::<
                    usize,
                    extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void),
                >(handler);
                handler(signal, info, context);
            }
            handler => {
                let handler = mem::transmute::<usize, extern "C" fn(c_int)>(handler);
                handler(signal);
            }
        }
    }
}

/// The addresses of the guard page below `low`.
pub(crate) fn guard_below(low: usize) -> std::ops::Range<usize> {
    low - page_size()..low
}
