//! Waits that cannot fail: what is thrown into them is kept, and they go on.

use std::time::Duration;

use gevent_threading::{Parker, give_up, is_unwound};
use greenlet_core::unwind::Caught;
use greenlet_core::{Exception, GreenletExit};

use crate::exceptions::keep;

/// How a wait has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What it was for is there, or its time is over.
    Over,
    /// The caller cannot park any more.
    Stuck,
}

/// Parks the caller until `is_done`, which whoever makes it so tells by the parker; or until no time is left.
pub(crate) fn hold(parker: &Parker, left: impl Fn() -> Option<Duration>, is_done: impl Fn() -> bool) -> Ended {
    hold_by(|left| parker.park(left), left, is_done)
}

/// As [`hold`], with a function that parks the caller.
pub(crate) fn hold_by(
    park: impl Fn(Option<Duration>) -> Result<Option<Caught>, Exception>,
    left: impl Fn() -> Option<Duration>,
    is_done: impl Fn() -> bool,
) -> Ended {
    let mut has_failed = false;
    loop {
        // Somebody whose time is over before gives a turn to the others, too.
        let left = left();
        let parked = park(left);
        let done = is_done();
        match parked {
            Ok(None) if done || left == Some(Duration::ZERO) => return Ended::Over,
            Ok(None) => {}
            Ok(Some(Caught::Panic(exception))) => {
                keep(Caught::Panic(exception));
                if done {
                    return Ended::Over;
                }
            }
            Ok(Some(Caught::Forced(unwinding))) => {
                keep(Caught::Forced(unwinding));
                return Ended::Stuck;
            }
            Err(_) if done => return Ended::Over,
            Err(_) if is_unwound() => {
                keep(Caught::Panic(Exception::new(GreenletExit)));
                return Ended::Stuck;
            }
            // A switch that it does not wait for ends a park once. Where it cannot park, that fails again.
            Err(_) if !has_failed => has_failed = true,
            Err(_) => return Ended::Stuck,
        }
    }
}

/// Ends a greenlet that is being unwound, which nobody will wake. The C code that it is in cannot be unwound, so that
/// its stack stays for ever, with a warning.
///
/// In a destructor that a panic runs, and at the end of a virtual thread, this does nothing.
pub(crate) fn give_up_if_unwound() {
    if is_unwound() {
        give_up("waits in a patched call that cannot be unwound");
    }
}
