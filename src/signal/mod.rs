//! Signals, whose handlers run in greenlets. Source: gevent's `signal.py`, and `signal` in its `hub.py`.
//!
//! [`signal()`] is Python's: a signal has one handler, which the next call replaces. [`signal_handler`] is gevent's
//! own: any number of handlers for one signal, each of which is cancelled by itself. For Ctrl-C see
//! [`keyboard_interrupt`](crate::keyboard_interrupt).
//!
//! ```
//! use gevent::signal::{SIG_DFL, getsignal, signal};
//! use gevent::prelude::*;
//! use std::{cell::Cell, rc::Rc};
//!
//! let seen = Rc::new(Cell::new(0));
//! let its = seen.clone();
//! let old = signal(libc::SIGUSR1, move |signum: i32| {
//!     sleep(0.001)?; // a greenlet: it may wait
//!     its.set(signum);
//!     Ok::<(), Exception>(())
//! })?;
//! assert_eq!(old, SIG_DFL);
//! # unsafe extern "C" { safe fn raise(signum: i32) -> i32; }
//! # raise(libc::SIGUSR1);
//! // Somebody sends the signal.
//! while seen.get() == 0 {
//!     sleep(0.01)?;
//! }
//! assert_eq!(seen.get(), libc::SIGUSR1);
//!
//! signal(libc::SIGUSR1, old)?;
//! assert_eq!(getsignal(libc::SIGUSR1)?, SIG_DFL);
//! # Ok::<(), Exception>(())
//! ```

mod actions;
mod handler;

pub use actions::{Handler, SIG_DFL, SIG_IGN, getsignal, signal};
pub(crate) use actions::{child_ended, heed_children};
pub use handler::signal_handler;
