//! In a signal handler, nobody parks, on whatever stack it runs.
//!
//! The code that a handler interrupts may be in the midst of anything. So each handler that is installed is called by a
//! trampoline, which counts. There is a trampoline for each handler, for ever: the kernel knows which one is installed,
//! and no other table says so. So handlers can be installed in several threads and in handlers, without a lock, and a
//! program that installs what it has found in the kernel, by a system call of its own, is right, too. Whoever asks for
//! the present handler gets the one that was given.
//!
//! A program with more than [`SLOTS`] handlers installs the others as they are: in those, calls may park.
//!
//! A handler that leaves by `siglongjmp` is never seen to end. Its thread does not park in patched calls any more,
//! which block it instead.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use greenlet_core::Direct;
use libc::{SIG_DFL, SIG_ERR, SIG_IGN, c_int, sighandler_t, siginfo_t};

use crate::originals::originals;

const ROWS: usize = 16;
const COLUMNS: usize = 16;
const SLOTS: usize = ROWS * COLUMNS;

/// The handlers, each in the place of its trampoline. Never taken out again.
static HANDLERS: [AtomicUsize; SLOTS] = [const { AtomicUsize::new(0) }; SLOTS];

thread_local! {
    /// How many handlers the thread is in.
    static HANDLERS_BEGUN: Cell<u32> = const { Cell::new(0) };
}

/// Whether the caller is in a signal handler, which may have interrupted anything: a call of the allocator's, or a few
/// steps with a lock.
pub(crate) fn in_handler() -> bool {
    HANDLERS_BEGUN.get() > 0
}

type Handler = unsafe extern "C-unwind" fn(c_int, *mut siginfo_t, *mut c_void);

/// Calls the handler of its place. One that takes the signal's number alone does not look at the other arguments, which
/// the kernel passes to all.
unsafe extern "C-unwind" fn trampoline<const ROW: usize, const COLUMN: usize>(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    let handler = HANDLERS[ROW * COLUMNS + COLUMN].load(Ordering::Relaxed);
    struct Within;
    impl Drop for Within {
        fn drop(&mut self) {
            HANDLERS_BEGUN.set(HANDLERS_BEGUN.get() - 1);
        }
    }
    let _direct = Direct::begin();
    HANDLERS_BEGUN.set(HANDLERS_BEGUN.get() + 1);
    let _within = Within;
    // SAFETY: a trampoline is installed after its handler was noted, which has this type or takes fewer arguments.
    unsafe { std::mem::transmute::<usize, Handler>(handler)(signal, info, context) };
}

macro_rules! row {
    ($row:literal) => {
        [
            trampoline::<$row, 0>,
            trampoline::<$row, 1>,
            trampoline::<$row, 2>,
            trampoline::<$row, 3>,
            trampoline::<$row, 4>,
            trampoline::<$row, 5>,
            trampoline::<$row, 6>,
            trampoline::<$row, 7>,
            trampoline::<$row, 8>,
            trampoline::<$row, 9>,
            trampoline::<$row, 10>,
            trampoline::<$row, 11>,
            trampoline::<$row, 12>,
            trampoline::<$row, 13>,
            trampoline::<$row, 14>,
            trampoline::<$row, 15>,
        ]
    };
}

static TRAMPOLINES: [[Handler; COLUMNS]; ROWS] = [
    row!(0),
    row!(1),
    row!(2),
    row!(3),
    row!(4),
    row!(5),
    row!(6),
    row!(7),
    row!(8),
    row!(9),
    row!(10),
    row!(11),
    row!(12),
    row!(13),
    row!(14),
    row!(15),
];

fn trampoline_at(place: usize) -> sighandler_t {
    TRAMPOLINES[place / COLUMNS][place % COLUMNS] as sighandler_t
}

/// What to install for a handler.
fn wrapped(handler: sighandler_t) -> sighandler_t {
    // glibc has other values, too, that are no handlers: SIG_HOLD is 2.
    if handler == SIG_ERR || handler < 4096 || place_of(handler).is_some() {
        return handler;
    }
    for (place, known) in HANDLERS.iter().enumerate() {
        match known.compare_exchange(0, handler, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return trampoline_at(place),
            Err(other) if other == handler => return trampoline_at(place),
            Err(_) => {}
        }
    }
    handler
}

/// The place of a trampoline.
fn place_of(installed: sighandler_t) -> Option<usize> {
    (0..SLOTS).find(|place| trampoline_at(*place) == installed)
}

/// The handler that somebody has given, of what is installed.
fn given(installed: sighandler_t) -> sighandler_t {
    match installed {
        SIG_DFL | SIG_IGN | SIG_ERR => installed,
        _ => place_of(installed).map_or(installed, |place| HANDLERS[place].load(Ordering::Relaxed)),
    }
}

mod original {
    use super::*;

    originals! {
        sigaction(signal: c_int, action: *const libc::sigaction, old: *mut libc::sigaction) -> c_int;
        signal(signal: c_int, handler: sighandler_t) -> sighandler_t;
        __sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t;
        sigset(signal: c_int, handler: sighandler_t) -> sighandler_t;
    }
}

/// sigaction(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn sigaction(signal: c_int, action: *const libc::sigaction, old: *mut libc::sigaction) -> c_int {
    // SAFETY: by the prototype's contract, the pointer is null or that of an action.
    let own = unsafe { action.as_ref() }.map(|action| libc::sigaction {
        sa_sigaction: wrapped(action.sa_sigaction),
        ..*action
    });
    let own = own.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: by the prototype's contract; the action is a copy.
    let result = unsafe { original::sigaction(signal, own, old) };
    if result == 0
        // SAFETY: as above; it was written, as the call has succeeded.
        && let Some(old) = unsafe { old.as_mut() }
    {
        old.sa_sigaction = given(old.sa_sigaction);
    }
    result
}

/// The name that some C libraries' headers use.
#[unsafe(no_mangle)]
unsafe extern "C" fn __sigaction(signal: c_int, action: *const libc::sigaction, old: *mut libc::sigaction) -> c_int {
    // SAFETY: by the prototype's contract.
    unsafe { sigaction(signal, action, old) }
}

macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident: $original:ident;)*) => {
        $(
            $(#[$doc])*
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name(signal: c_int, handler: sighandler_t) -> sighandler_t {
                // SAFETY: by the prototype's contract.
                given(unsafe { original::$original(signal, wrapped(handler)) })
            }
        )*
    };
}

signals! {
    /// signal(3).
    signal: signal;
    /// Another name of it.
    bsd_signal: signal;
    /// Another name of it.
    ssignal: signal;
    /// System V's `signal`.
    sysv_signal: __sysv_signal;
    /// Another name of it.
    __sysv_signal: __sysv_signal;
    /// sigset(3).
    sigset: sigset;
}
