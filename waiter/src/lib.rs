//! gevent's low-level waiting: the cells through which a hub wakes a greenlet.
//!
//! [`Waiter`] and [`MultipleWaiter`] are the counterparts of gevent's `_waiter.py`. The runtime's own waits use
//! [`Park`], and [`Resume`], the right to wake one park of one greenlet: these allocate nothing. All of them work
//! with any hub that implements [`WaitHub`].

#![forbid(unsafe_code)]

mod error;
mod hub;
mod multiple;
mod park;
mod resume;
mod source;
mod stored;
mod waiter;

pub use error::{ConcurrentObjectUseError, InvalidSwitchError, NotInHubError};
pub use hub::{Failed, WaitHub, Wake};
pub use multiple::MultipleWaiter;
pub use park::Park;
pub use resume::Resume;
pub use source::Source;
pub use waiter::Waiter;
