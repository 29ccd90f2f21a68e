//! The hub's own exceptions. Source: gevent's `exceptions.py`.
//!
//! ```
//! use hub::exceptions::LoopExit;
//! use hub::{Waiter, get_hub};
//!
//! // Nobody is left who could switch to this waiter.
//! let error = Waiter::<()>::new(get_hub()).get().unwrap_err();
//! assert!(error.is::<LoopExit>());
//! ```

use std::fmt;
use std::panic::Location;

use greenlet_core::WaitingOn;

use crate::core::Error;
use crate::hub::Hub;
use crate::local::all_hubs;

/// The loop has nothing left that could wake a greenlet: all that wait would wait for ever. Raised in the main
/// greenlet.
///
/// The error names the greenlets that wait for ever, with the place where each was made, the place where it waits, and
/// the thing that it waits for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("This operation would block forever\n\tHub: {hub}{}", list(.blocked))]
#[non_exhaustive]
pub struct LoopExit {
    /// The hub that ran out of work, as it is printed.
    pub hub: String,
    /// Its [`minimal_ident`](Hub::minimal_ident).
    pub ident: u64,
    /// Its [`name`](Hub::name).
    pub name: String,
    /// The greenlets that wait for ever. The main greenlet, which gets this error, is not among them.
    pub blocked: Vec<BlockedGreenlet>,
}

impl LoopExit {
    /// The hub that ran out of work, if it still exists. `None` in other threads than the hub's.
    pub fn hub(&self) -> Option<Hub> {
        let is_it = |hub: &Hub| hub.minimal_ident() == self.ident;
        all_hubs().into_iter().find(is_it)
    }
}

/// A greenlet that waits: see [`Hub::blocked_greenlets`](crate::Hub::blocked_greenlets).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockedGreenlet {
    /// The greenlet's number, which no other greenlet of its thread ever had.
    pub id: u64,
    /// The greenlet's name, if it was given one.
    pub name: Option<String>,
    /// The place where it was made.
    pub made_at: &'static Location<'static>,
    /// The place where it waits.
    pub parked_at: &'static Location<'static>,
    /// The thing that it waits for, if known: its kind and address.
    pub waiting_on: Option<WaitingOn>,
}

impl fmt::Display for BlockedGreenlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "greenlet #{}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, ", made at {}, waits at {}", self.made_at, self.parked_at)?;
        match self.waiting_on {
            Some(waiting_on) => write!(f, " for {waiting_on}"),
            None => Ok(()),
        }
    }
}

fn list(blocked: &[BlockedGreenlet]) -> String {
    blocked
        .iter()
        .map(|greenlet| format!("\n\tBlocked: {greenlet}"))
        .collect()
}

/// An object has called a link that was made for objects of another type: see [`Link::of`](crate::Link::of).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a link for objects of the type {expected} was added to {object}")]
#[non_exhaustive]
pub struct LinkSourceError {
    /// The type that the link was made for.
    pub expected: &'static str,
    /// The object, as it is printed.
    pub object: String,
}

/// The greenlet that runs the loop wants to wait for the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Impossible to call blocking function in the event loop callback")]
pub struct BlockingSwitchOutError;

/// A function was called that only the main greenlet may call.
///
/// Source: the `AssertionError` of gevent's `Hub.join`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only possible from the MAIN greenlet")]
pub struct NotMainGreenletError;

/// [`run`](crate::run) was called inside of another [`run`](crate::run).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this thread is inside of `run` already")]
pub struct NestedRunError;

/// The number of seconds is NaN, or `None` where a number is needed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("invalid number of seconds: {0}")]
pub struct InvalidSeconds(pub f64);

/// The process should end. Raised in the main greenlet when a greenlet or a callback ends with this error, which is not
/// printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("SystemExit: {0}")]
pub struct SystemExit(pub i32);

/// The user wants the process to end. Raised in the main greenlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("KeyboardInterrupt")]
pub struct KeyboardInterrupt;

pub use crate::core::SystemError;

/// A hub could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a hub for this thread: {0}")]
pub struct HubError(#[from] pub Error);
