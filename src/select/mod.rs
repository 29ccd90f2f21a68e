//! Waiting for several descriptors at once. Source: gevent's `select.py`.
//!
//! ```
//! use std::io::Write;
//! use std::os::fd::AsFd;
//! use gevent::prelude::*;
//! use gevent::select::{POLLIN, Poll, select};
//!
//! let (reader, mut writer) = std::io::pipe()?;
//! spawn(move || gevent::io(|| writer.write_all(b"x")));
//! let (readable, writable, _) = select([reader.as_fd()], [], [])?; // the others go on meanwhile
//! assert_eq!((readable.len(), writable.len()), (1, 0));
//!
//! let poll = Poll::new();
//! poll.register(&reader, POLLIN)?;
//! for (fd, events) in poll.poll()? {
//!     println!("{fd} has {events}");
//! }
//! # Ok::<(), Exception>(())
//! ```
//!
//! | Python | here |
//! |---|---|
//! | `select(r, w, x)`, `select(r, w, x, 1.5)` | [`select()`], [`select_timeout`]. Lists that are waited for again and again are a [`Select`] |
//! | `poll()` | [`Poll::new`] |
//! | `p.register(fd)`, `p.register(fd, mask)`, `modify`, `unregister` | [`register`](Poll::register), [`modify`](Poll::modify), [`unregister`](Poll::unregister); the default mask is [`POLL_DEFAULT`] |
//! | `p.poll()`, `p.poll(1500)` | [`poll`](Poll::poll), [`poll_timeout(1.5)`](Poll::poll_timeout): **seconds**, as everywhere in this library |
//! | `KeyError` | [`NotRegistered`] |
//! | `ValueError`, `OSError(EBADF)` for a bad descriptor | [`BadFd`](crate::core::BadFd) |
//! | `ValueError` for a negative timeout | [`InvalidSeconds`](crate::exceptions::InvalidSeconds) |
//!
//! # Descriptors
//!
//! Everything with [`AsRawFd`](std::os::fd::AsRawFd) has a descriptor: a number ([`RawFd`](std::os::fd::RawFd)), the
//! sockets of this library (pass a clone, which is a handle), `OwnedFd`, and std's types, which
//! [`as_fd`](std::os::fd::AsFd::as_fd) lends. A number may be of any size, and there may be any number of them: the
//! limit of the system's `select`, 1024, does not hold here.
//!
//! A descriptor should stay open while a greenlet waits for it. If it is closed meanwhile, the wait may go on, or the
//! descriptor counts as ready, as in gevent. One whose number is in use again may have become another one.
//!
//! # What is as in gevent
//!
//! * Others get a turn in every call, also if a descriptor is ready at once.
//! * The third list of `select` is looked at once, at the call, and not waited for; `POLLPRI` is not waited for at all.
//!   An error or the end of a connection makes a descriptor readable and writable; `POLLERR` and `POLLHUP` are never
//!   reported.
//! * Several greenlets may wait for one descriptor, and each of them is woken.

mod constants;
mod error;
mod now;
mod poll;
mod ready;
#[allow(clippy::module_inception, reason = "the function's name")]
mod select;
mod watching;

pub use constants::*;
pub use error::NotRegistered;
pub use poll::Poll;
pub(crate) use ready::Memory;
pub use ready::{IntoIter, Ready};
pub use select::{Chosen, Select, Selected, select, select_timeout};
