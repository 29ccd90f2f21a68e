//! [`WatchSignal`]: the signal by which snapshots are taken, and its handler.

use std::ffi::{c_int, c_void};
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;

use super::seen::SnapshotError;
use super::snapshot::answer;

/// The signal by which snapshots are taken. It is the same for the whole process, until another one is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchSignal(i32);

/// The signal that was installed last; 0 for none.
static INSTALLED: AtomicI32 = AtomicI32::new(0);

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// The number by which the system knows our handler.
#[inline(never)]
fn handler() -> usize {
    (handle as Handler) as usize
}

impl WatchSignal {
    /// Installs the handler for the `wanted` signal; with `None` for the one that was installed before, or else for the
    /// highest real-time signal for which the program has no handler. The handler stays.
    ///
    /// # Errors
    /// [`SnapshotError::SignalTaken`] if the program has a handler for that signal, or ignores it, or if there is no
    /// such signal.
    pub fn install(wanted: Option<i32>) -> Result<WatchSignal, SnapshotError> {
        let installed = INSTALLED.load(Relaxed);
        let signal = match wanted {
            Some(wanted) => Some(wanted).filter(|wanted| take(*wanted)),
            None if installed != 0 && take(installed) => Some(installed),
            None => (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev().find(|signal| take(*signal)),
        };
        let signal = signal.ok_or(SnapshotError::SignalTaken {
            signal: wanted.unwrap_or(installed),
        })?;
        INSTALLED.store(signal, Relaxed);
        Ok(WatchSignal(signal))
    }

    /// The number of the signal.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Sends the signal to a thread of this process. Returns whether that was possible. If the program has a handler of
    /// its own for the signal by now, nothing is sent.
    pub(super) fn send(self, tid: i32) -> Result<bool, SnapshotError> {
        if current(self.0).is_none_or(|action| action.sa_sigaction != handler()) {
            return Err(SnapshotError::SignalTaken { signal: self.0 });
        }
        // SAFETY: the call takes three numbers. Any thread may get this signal at any time: the handler does nothing
        // in one that was not asked for a snapshot.
        Ok(unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, self.0) } == 0)
    }
}

/// What is done with a signal now; `None` if there is no such signal.
fn current(signal: i32) -> Option<libc::sigaction> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: the call only asks, and fills `action` in if it returns 0.
    unsafe { (libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0).then(|| action.assume_init()) }
}

/// Installs the handler, unless the program has one of its own. Two threads that do so at the same time find the
/// same.
fn take(signal: i32) -> bool {
    let free = match current(signal) {
        None => return false,
        Some(action) if action.sa_sigaction == handler() => return true,
        Some(action) => action.sa_sigaction == libc::SIG_DFL,
    };
    // SAFETY: the action is complete. No other signal interrupts the handler.
    free && unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler();
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigfillset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, ptr::null_mut()) == 0
    }
}

/// The signal handler. Everything in it is safe at any point of a program: no allocation, no lock, no call that sets
/// `errno`.
extern "C" fn handle(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes the context of what it has interrupted.
    answer(unsafe { &*context.cast::<libc::ucontext_t>() });
}
