//! Channels, in which each value goes to one receiver.
//!
//! ```
//! use gevent_threading::spawn;
//! use gevent_threading::sync::mpsc;
//!
//! let (send, receive) = mpsc::channel();
//! for number in 0..3 {
//!     let send = send.clone();
//!     spawn(move || send.send(number).unwrap());
//! }
//! drop(send);
//! assert_eq!(receive.iter().sum::<u32>(), 3);
//! ```
//!
//! Source: [`std::sync::mpsc`], whose errors these are, too.

mod channel;
mod receiver;
mod sender;

#[doc(no_inline)]
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::{Sender, SyncSender, channel, sync_channel};
