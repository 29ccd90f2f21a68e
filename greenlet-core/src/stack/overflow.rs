//! Tells a stack overflow from other crashes: a handler for SIGSEGV and SIGBUS that knows our
//! guards.
//!
//! After a fault in the guard below the stack of the running greenlet (or of one that is just leaving),
//! the handler prints which greenlet it was, how large its stack is and how to get a larger one, and
//! aborts. Every other fault is passed on to the handler that was there before, the standard library's
//! for instance, which does the same for threads.
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

use crate::core::GreenletCore;
use crate::direct::direct;
use crate::thread::Thread;

/// The size of the stack for signal handlers, in bytes: enough for ours, and for those that were there before.
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
/// Returns the alternate stack if the thread had none before; it must be kept until the thread ends.
pub(crate) fn prepare_thread() -> Option<AlternateStack> {
    INSTALLED.call_once(|| {
        for (index, signal) in SIGNALS.into_iter().enumerate() {
            // SAFETY: the new action is complete, and the old one has its place; see `Old`.
            unsafe {
                let mut action: libc::sigaction = mem::zeroed();
                action.sa_sigaction = (handle as extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)) as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                let old = &raw mut (*OLD.0.get())[index];
                if libc::sigaction(signal, ptr::null(), old.cast()) == 0 {
                    libc::sigaction(signal, &raw const action, ptr::null_mut());
                }
            }
        }
    });
    AlternateStack::install()
}

/// The stack that a thread's signal handlers run on. The standard library's threads have one.
pub(crate) struct AlternateStack(*mut c_void);

impl AlternateStack {
    /// Gives the calling thread one if it has none.
    fn install() -> Option<AlternateStack> {
        let mut alternate = current_alternate_stack()?;
        if alternate.ss_flags & libc::SS_DISABLE == 0 {
            return None;
        }
        // SAFETY: a fresh anonymous mapping disturbs nothing.
        let memory = unsafe {
            let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
            libc::mmap(ptr::null_mut(), ALTERNATE_STACK, access, kind, -1, 0)
        };
        if memory == libc::MAP_FAILED {
            return None;
        }
        alternate.ss_sp = memory;
        alternate.ss_size = ALTERNATE_STACK;
        alternate.ss_flags = 0;
        // SAFETY: nobody else uses that memory, and it is there until `drop` takes it out of use.
        unsafe { libc::sigaltstack(&raw const alternate, ptr::null_mut()) };
        Some(AlternateStack(memory))
    }
}

impl Drop for AlternateStack {
    /// Takes the stack out of use. This is called by the thread that installed it, on another stack.
    fn drop(&mut self) {
        let Some(mut alternate) = current_alternate_stack() else {
            return;
        };
        if alternate.ss_sp != self.0 {
            // Somebody has put another one in its place, and may restore it.
            return;
        }
        alternate.ss_flags = libc::SS_DISABLE;
        // SAFETY: the stack is unmapped only if it is out of use.
        unsafe {
            if libc::sigaltstack(&raw const alternate, ptr::null_mut()) == 0 {
                libc::munmap(self.0, ALTERNATE_STACK);
            }
        }
    }
}

fn current_alternate_stack() -> Option<libc::stack_t> {
    let mut alternate = MaybeUninit::uninit();
    // SAFETY: the call only asks, and fills `alternate` in if it returns 0.
    unsafe { (libc::sigaltstack(ptr::null(), alternate.as_mut_ptr()) == 0).then(|| alternate.assume_init()) }
}

/// The signal handler. Everything in it is safe in a signal handler: no allocation, no lock.
extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a complete `info`.
    let (sent, address) = unsafe { ((*info).si_code <= 0, (*info).si_addr().addr()) };
    // A signal that a process has sent has no address.
    if !sent && let Some(core) = Thread::overflown(address) {
        report(core);
    }
    pass_on(signal, info, context, sent);
}

/// Says what happened, and ends the process.
fn report(core: &GreenletCore) -> ! {
    let mut text = Text {
        bytes: [0; 1024],
        len: 0,
    };
    let _ = Thread::describe_overflow(core, &mut text);
    // SAFETY: the first `len` bytes of the text are initialised.
    direct(|| unsafe { libc::write(2, text.bytes.as_ptr().cast(), text.len) });
    // SAFETY: `abort` has no preconditions.
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
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void, sent: bool) {
    let index = usize::from(signal != libc::SIGSEGV);
    // SAFETY: the old action was written before this handler was installed, see `Old`, and its
    // handler is called the way its flags say.
    unsafe {
        let old = (*OLD.0.get())[index].assume_init();
        match old.sa_sigaction {
            libc::SIG_IGN if sent => {}
            libc::SIG_DFL | libc::SIG_IGN => {
                // The faulting instruction runs again, and this time the process dies of it.
                let mut action: libc::sigaction = mem::zeroed();
                action.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &raw const action, ptr::null_mut());
                if sent {
                    // No instruction causes this signal again, so it is raised, and arrives when this
                    // handler returns.
                    libc::raise(signal);
                }
            }
            handler if old.sa_flags & libc::SA_SIGINFO != 0 => {
                let handler = mem::transmute::<usize, extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void)>(handler);
                handler(signal, info, context);
            }
            handler => {
                let handler = mem::transmute::<usize, extern "C" fn(c_int)>(handler);
                handler(signal);
            }
        }
    }
}
