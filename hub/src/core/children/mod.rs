//! The room of the children that are waited for one by one, beside libev's [`Child`](crate::core::Child).
//!
//! [`OwnChild`] watches one child, on any loop. The system wakes it by a descriptor of the process, or a thread of ours
//! does (`wakeup.rs`). The status is taken by `waitid` of that child alone. libev's reaper or our [`waitpid`] may take
//! it first, in any thread; so all look into one table of the process (`statuses.rs`), where each finds what another
//! one has taken. [`AnyChild`] is for those who wait for any child.

mod any_child;
mod own_child;
mod statuses;
mod wakeup;

pub use any_child::{AnyChild, wait4, waitid, waitpid};
pub use own_child::OwnChild;
pub(in crate::core) use statuses::libev_watches;
