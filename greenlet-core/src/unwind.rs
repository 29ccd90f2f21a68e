//! Panics at the border, and the private unwinding of dropped greenlets.
//!
//! A parked greenlet whose last handle is dropped can never run again. Its stack is unwound, so
//! that its destructors run, by a panic with a payload of this crate's own. Code that must not
//! let a panic pass (a C frame below it, say) calls [`catch`] and, once those frames are left,
//! [`ForcedUnwind::resume`].

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use crate::exception::Exception;
use crate::greenlet::Core;

/// What [`catch`] caught.
#[derive(Debug)]
pub enum Caught {
    /// An ordinary panic.
    Panic(Exception),
    /// The end of a dropped greenlet: to be resumed, never to be swallowed.
    Forced(ForcedUnwind),
}

/// The unwinding of a dropped greenlet, caught on its way.
#[must_use = "the greenlet's stack is only released if its unwinding is resumed"]
pub struct ForcedUnwind(Box<dyn Any + Send>);

impl std::fmt::Debug for ForcedUnwind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForcedUnwind")
    }
}

impl ForcedUnwind {
    /// Goes on unwinding.
    ///
    /// # Panics
    /// Always: that is how a stack is unwound. The panic hook is not called.
    pub fn resume(self) -> ! {
        resume_unwind(self.0)
    }
}

/// Runs `f` and tells a panic from the unwinding of a dropped greenlet.
///
/// # Errors
/// What left `f` other than by returning.
pub fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Caught> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        if payload.is::<Payload>() {
            Caught::Forced(ForcedUnwind(payload))
        } else {
            Caught::Panic(Exception::from_panic(payload))
        }
    })
}

/// How far the unwinding of one greenlet has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unwinding {
    /// Not begun.
    No,
    /// The payload is on its way down the stack: destructors run.
    Raised,
    /// Somebody caught the payload and dropped it; it will be raised once more.
    Swallowed,
    /// Raised for the second and last time.
    RaisedAgain,
    /// Swallowed again: the stack is given up, never reused.
    GivenUp,
}

/// The private payload. Dropping it anywhere but at the greenlet's root means that it was
/// swallowed.
struct Payload(*const Core);

// SAFETY: `resume_unwind` asks for `Send`, but the payload never leaves its thread: it is raised
// and caught on one stack, greenlets never leave their thread, and no `join` of a thread can
// take it out because the greenlet's root, below every frame of it, catches it first.
unsafe impl Send for Payload {}

impl Drop for Payload {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `Rc::into_raw` in `raise`, and this is the only place
        // that takes the reference back.
        let core = unsafe { Rc::from_raw(self.0) };
        core.unwinding.set(match core.unwinding.get() {
            Unwinding::Raised => Unwinding::Swallowed,
            Unwinding::RaisedAgain => Unwinding::GivenUp,
            other => other,
        });
    }
}

/// Starts (or starts again) to unwind the current greenlet.
#[cold]
pub(crate) fn raise(core: &Rc<Core>) -> ! {
    core.unwinding.set(match core.unwinding.get() {
        Unwinding::No => Unwinding::Raised,
        _ => Unwinding::RaisedAgain,
    });
    resume_unwind(Box::new(Payload(Rc::into_raw(core.clone()))))
}
