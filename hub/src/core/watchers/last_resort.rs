//! [`LastResort`]: a signal that comes again before the loop has seen it has its default action, and so ends the
//! process. For libev both would be one, and a program that never gets to its loop could not be interrupted.

use std::fmt;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{c_int, sigaction};
use libev_sys as ev;

use crate::core::watchers::signal::{SIGNAL_TABLE, Signal};

/// One more than the highest signal number.
const SIGNALS: usize = 65;

/// Which signals have come that the loop has not seen yet.
static UNSEEN: [AtomicBool; SIGNALS] = [const { AtomicBool::new(false) }; SIGNALS];

/// Stands in the place of libev's signal handler while a watcher is started. It belongs to the process, as the signal
/// does.
#[derive(Clone, Copy)]
pub(crate) struct LastResort {
    signum: c_int,
    /// The action before the watcher was started, which the signal has again in the end.
    before: sigaction,
    /// The action that the start of the watcher has set.
    of_libev: sigaction,
}

impl LastResort {
    /// Calls `start`, which starts the watcher, and takes the place of libev's handler.
    ///
    /// # Errors
    /// That of `start`; nothing has changed then.
    pub(crate) fn install<E>(signal: &Signal, start: impl FnOnce() -> Result<(), E>) -> Result<LastResort, E> {
        let signum = signal.signum();
        let before = action_of(signum);
        start()?;
        let last_resort = LastResort {
            signum,
            before,
            of_libev: action_of(signum),
        };
        last_resort.renew(signal);
        Ok(last_resort)
    }

    /// Takes the place of libev's handler again, for another watcher of the same signal. Does not if the default action
    /// does not end processes, and if the loop receives signals by a signalfd, without a handler.
    pub(crate) fn renew(&self, signal: &Signal) {
        let _table = SIGNAL_TABLE.lock();
        let by_handler = ![libc::SIG_DFL, libc::SIG_IGN].contains(&self.of_libev.sa_sigaction);
        if by_handler && signal.loop_().sigfd().ok().flatten().is_none() && ends_processes(self.signum) {
            self.seen();
            set_action(self.signum, &self.ours());
        }
    }

    /// Tells that the loop has seen the signal: the next one is the first again.
    pub(crate) fn seen(&self) {
        unseen(self.signum).store(false, Ordering::SeqCst);
    }

    /// Undoes `install`, once the watcher is stopped. An action that somebody else has set meanwhile stays.
    pub(crate) fn undo(&self) {
        let _table = SIGNAL_TABLE.lock();
        let [now, ours, of_libev, before] =
            [action_of(self.signum), self.ours(), self.of_libev, self.before].map(|action| action.sa_sigaction);
        if now == ours {
            // libev has not set the default action: others watch the signal.
            set_action(self.signum, &self.of_libev);
        } else if now == libc::SIG_DFL && ![ours, of_libev].contains(&before) {
            set_action(self.signum, &self.before);
        }
    }

    fn ours(&self) -> sigaction {
        sigaction {
            sa_sigaction: on_signal as extern "C" fn(c_int) as usize,
            sa_flags: self.of_libev.sa_flags & !libc::SA_SIGINFO,
            ..self.of_libev
        }
    }
}

impl fmt::Debug for LastResort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LastResort({})", self.signum)
    }
}

/// Ends the process by the default action of a signal, so that its parent sees by which. Returns if that does not end
/// it.
pub(crate) fn end_process_by(signum: c_int) {
    // SAFETY: both may be called at any time.
    unsafe {
        libc::signal(signum, libc::SIG_DFL);
        libc::kill(libc::getpid(), signum);
    }
}

/// The handler. Calls only functions that may be called in one.
extern "C" fn on_signal(signum: c_int) {
    if unseen(signum).swap(true, Ordering::SeqCst) {
        // SAFETY: both may be called in a signal handler. The signal is blocked until the handler has returned, and
        // then ends the process.
        unsafe {
            libc::signal(signum, libc::SIG_DFL);
            libc::raise(signum);
        }
    } else {
        // SAFETY: this is a signal handler, in the place of libev's.
        unsafe { ev::ev_shim_handle_signal(signum) };
    }
}

fn unseen(signum: c_int) -> &'static AtomicBool {
    // A signal's number is neither negative nor too high.
    &UNSEEN[signum.unsigned_abs() as usize % SIGNALS]
}

fn ends_processes(signum: c_int) -> bool {
    let ignored = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];
    let stopping = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
    !ignored.contains(&signum) && !stopping.contains(&signum)
}

fn action_of(signum: c_int) -> sigaction {
    let mut action = MaybeUninit::zeroed();
    // SAFETY: `action` is writable. It is the default action, all zeros, if there is no such signal.
    unsafe {
        libc::sigaction(signum, ptr::null(), action.as_mut_ptr());
        action.assume_init()
    }
}

fn set_action(signum: c_int, action: &sigaction) {
    // SAFETY: the action is one that the system has told, with its own handler or ours, which may be called with a
    // signal's number at any time. The call cannot fail, as the signal has been watched.
    unsafe { libc::sigaction(signum, action, ptr::null_mut()) };
}
