//! The few errors of this crate.

use std::fmt;
use std::sync::Arc;

/// The exception that ends a greenlet quietly: for others it is the value of the greenlet that it has ended, and
/// not an error. It may say why.
///
/// ```
/// use greenlet_core::GreenletExit;
///
/// let exit = GreenletExit::because("no more work");
/// assert_eq!(exit.to_string(), "no more work");
/// assert!(exit.message().is_some() && GreenletExit.message().is_none());
/// ```
///
/// Source: greenlet's `GreenletExit`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct GreenletExit {
    message: Option<Arc<str>>,
}

/// The [`GreenletExit`](struct@GreenletExit) that does not say why: a value to be thrown and compared with.
#[expect(non_upper_case_globals, reason = "it is the value of a type that mostly has one")]
pub const GreenletExit: GreenletExit = GreenletExit { message: None };

impl GreenletExit {
    /// A `GreenletExit` that says why: Python's `GreenletExit(message)`.
    pub fn because(message: impl Into<Arc<str>>) -> Self {
        let message = Some(message.into());
        GreenletExit { message }
    }

    /// The message that says why, if there is one.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl fmt::Debug for GreenletExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => f.debug_tuple("GreenletExit").field(message).finish(),
            None => f.write_str("GreenletExit"),
        }
    }
}

impl fmt::Display for GreenletExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message().unwrap_or("GreenletExit"))
    }
}

impl std::error::Error for GreenletExit {}

/// The text of an [`Exception::msg`](super::Exception::msg).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Message(pub String);

/// A misuse of greenlets that greenlet itself reports as `greenlet.error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GreenletError {
    /// A greenlet can only be used in the thread that created it.
    #[error("cannot switch to a different thread")]
    WrongThread,
    /// The new parent would have the greenlet among its own parents.
    #[error("cyclic parent chain")]
    CyclicParent,
    /// The thread's main greenlet has no parent and never gets one.
    #[error("cannot set the parent of a main greenlet")]
    MainGreenlet,
    /// The thread is over: no greenlet of it can be started or switched to any more.
    #[error("the thread of this greenlet is ending")]
    ThreadEnding,
    /// The caller is in a virtual thread of the crate `gevent-threading`: hubs, loops and greenlets belong to the
    /// thread that carries it, and cannot be used there.
    #[error("cannot use greenlets, loops and hubs in a virtual thread")]
    VirtualThread,
    /// The running greenlet is [pinned](crate::pinned): it may not be left.
    #[error("cannot switch in the midst of a callback that must return first")]
    Pinned,
    /// The running greenlet is being unwound: nobody could switch back to it.
    #[error("cannot switch in a greenlet that is being unwound")]
    Unwinding,
}
