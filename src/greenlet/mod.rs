//! [`Greenlet`]: a greenlet that is scheduled by the hub, can be joined, killed and linked to.
//!
//! Source: gevent's `greenlet.py`.

mod any;
mod base;
mod handle;
mod join;
mod kill;

pub use any::AnyGreenlet;
pub use base::Link;
pub use handle::{Greenlet, StartedError, spawn, spawn_later};
pub use join::{AsGreenlet, JoinSelfError, joinall};
pub use kill::Kill;
