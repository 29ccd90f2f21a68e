//! gevent's low-level waiting: the cells through which a hub wakes a greenlet.
//!
//! [`Waiter`] and [`MultipleWaiter`] are the counterparts of gevent's `_waiter.py`. [`Resume`]
//! is what the runtime's own waits use: the right to wake one park of one greenlet, without an
//! allocation. All of them work with any hub that implements [`WaitHub`].

#![forbid(unsafe_code)]

mod error;
mod hub;
mod multiple;
mod resume;
mod source;
mod waiter;

pub use error::{ConcurrentObjectUseError, InvalidSwitchError, NotInHubError};
pub use hub::{WaitHub, park};
pub use multiple::MultipleWaiter;
pub use resume::Resume;
pub use source::Source;
pub use waiter::Waiter;
