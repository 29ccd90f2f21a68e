//! The hub's own exceptions. Source: gevent's `exceptions.py`.

use crate::core::Error;

/// The loop has nothing left that could wake anybody: whoever waits would wait for ever.
/// Raised in the main greenlet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("This operation would block forever\n\tHub: {hub}")]
pub struct LoopExit {
    /// The hub that ran out of work.
    pub hub: String,
}

/// The greenlet that runs the loop wants to wait for the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Impossible to call blocking function in the event loop callback")]
pub struct BlockingSwitchOutError;

/// Something was asked of the hub that only the main greenlet may ask.
///
/// Source: the `AssertionError` of gevent's `Hub.join`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only possible from the MAIN greenlet")]
pub struct NotMainGreenletError;

/// A number of seconds that is not a number, or none where one is needed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("invalid number of seconds: {0}")]
pub struct InvalidSeconds(pub f64);

/// The process should end: raised in the main greenlet when a greenlet or a callback ends with
/// it, and not printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("SystemExit: {0}")]
pub struct SystemExit(pub i32);

/// The user wants the process to end: raised in the main greenlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("KeyboardInterrupt")]
pub struct KeyboardInterrupt;

/// The runtime itself is broken, libev cannot poll any more, say: raised in the main greenlet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SystemError(pub String);

/// A hub could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a hub for this thread: {0}")]
pub struct HubError(#[from] pub Error);
