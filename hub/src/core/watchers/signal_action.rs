//! [`SignalAction`]: what the system does with a signal. [`signal_action`] and [`set_signal_action`] beside the
//! watchers.

use std::mem::MaybeUninit;
use std::ptr;

use libc::{c_int, sigaction};

use crate::core::error::{Error, IllegalSignal, SignalInUse};
use crate::core::watchers::signal::SIGNAL_TABLE;

/// What the system does with a signal that the process gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalAction {
    /// What belongs to the signal; most end the process. `SIG_DFL` in C.
    Default,
    /// Nothing. `SIG_IGN` in C.
    Ignore,
    /// It calls a function: libev's, while a watcher is started, or one of other code.
    Handler,
}

/// What the system does with the signal now.
///
/// # Errors
/// [`IllegalSignal`] if there is no such signal.
pub fn signal_action(signum: i32) -> Result<SignalAction, IllegalSignal> {
    let mut action = MaybeUninit::<sigaction>::zeroed();
    // SAFETY: the action is writable, and all zero is a value of this plain struct.
    let action = unsafe {
        match sigaction(signum, ptr::null(), action.as_mut_ptr()) {
            0 => action.assume_init(),
            _ => return Err(IllegalSignal(signum)),
        }
    };
    Ok(match action.sa_sigaction {
        libc::SIG_DFL => SignalAction::Default,
        libc::SIG_IGN => SignalAction::Ignore,
        _ => SignalAction::Handler,
    })
}

/// Has the signal ignored, or has it its default action again.
///
/// A watcher of `SIGCHLD` gets nothing after that until [`reset_sigchld`](crate::core::Loop::reset_sigchld) is called
/// and the next child watcher is made.
///
/// # Errors
/// [`SignalInUse`] if a loop watches the signal (not for `SIGCHLD`); [`IllegalSignal`] if the signal does not exist or
/// cannot be changed.
pub fn set_signal_action(signum: i32, ignore: bool) -> Result<(), Error> {
    let mut table = SIGNAL_TABLE.lock();
    if signum != libc::SIGCHLD && signal_action(signum).is_ok() && !table.loop_of(signum).is_null() {
        return Err(SignalInUse(signum).into());
    }
    let handler: usize = if ignore { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: the action is a value of a plain struct; neither of the two calls a function. No watcher relies on
    // another one, as the table is locked.
    let set = unsafe {
        let mut action = MaybeUninit::<sigaction>::zeroed().assume_init();
        action.sa_sigaction = handler;
        sigaction(signum as c_int, &raw const action, ptr::null_mut())
    };
    match set {
        0 => Ok(()),
        _ => Err(IllegalSignal(signum).into()),
    }
}
