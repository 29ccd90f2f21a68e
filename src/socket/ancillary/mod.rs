//! What goes beside the data of a message: descriptors, credentials, and what other families have. Source: Python's
//! `socketmodule.c`, and std's `os::unix::net::ancillary`.
//!
//! | file | contents |
//! |---|---|
//! | `buffer.rs` | [`SocketAncillary`], and the calls that send and receive it |
//! | `cmsg.rs` | the system's form of it: a header before each message |
//! | `messages.rs` | taking the messages out. Here a number becomes an [`OwnedFd`](std::os::fd::OwnedFd) |
//! | `methods.rs` | methods of the types with std's face |
//! | `values.rs` | the messages that Python's face takes and returns; credentials |
//!
//! A descriptor that was received is in the buffer until it is taken out or closed. So each has an owner at any time.

mod buffer;
mod cmsg;
mod messages;
mod methods;
mod values;

pub(super) use buffer::Received;
pub use buffer::SocketAncillary;
pub use cmsg::{CMSG_LEN, CMSG_SPACE};
pub use messages::{AncillaryData, Messages, ScmRights};
pub(super) use methods::ancillary_methods;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use values::UCred;
pub use values::{Ancillary, SendAncillary};

/// How many descriptors one message may have, as Linux's `SCM_MAX_FD`. Other systems take no more.
pub(super) const MOST_FDS: usize = 253;

/// How many bytes all have that can come at once at a Unix socket: descriptors, credentials and a process, and a label
/// of the system's security module.
pub(super) const MOST: usize = CMSG_SPACE(MOST_FDS * size_of::<i32>()) + 1024;
