//! Sockets that park the greenlet instead of blocking the thread. Source: gevent's `socket.py`.
//!
//! [`TcpStream`] and [`TcpListener`] have the methods of those of [`std::net`], with the same results. Otherwise are:
//!
//! * Timeouts: they are Python's, belong to the handle and not to the connection, and are any
//!   [`Seconds`](crate::Seconds). What took too long is [`TimedOut`](std::io::ErrorKind::TimedOut); with 0 nothing
//!   waits, and what would have to is [`WouldBlock`](std::io::ErrorKind::WouldBlock), for
//!   [`connect_timeout`](TcpStream::connect_timeout) too. [`set_nonblocking`](TcpStream::set_nonblocking) is a timeout of 0.
//! * A read into an empty buffer returns 0 at once. std's asks the system, where it may wait for data.
//! * Writing never raises `SIGPIPE`, whatever the process does about it.
//! * A name is looked up while other greenlets run; [`Address`] tells what an address may be.
//! * Errors of `connect` and `bind` say which address it was: [`AddressError`].
//! * As in gevent, one greenlet at a time reads, and one writes; a second one gets a
//!   [`ConcurrentObjectUseError`](crate::exceptions::ConcurrentObjectUseError). With a descriptor of its own
//!   ([`try_clone`](TcpStream::try_clone)) it can wait, too.
//! * As in gevent, a socket can be closed while others have handles of it, or wait for it. Then, and when something is
//!   thrown into the greenlet that waits, [`incoming`](TcpListener::incoming) is over; std's never is.
//!
//! What takes a Unix socket over ([`TryFrom<OwnedFd>`](TcpStream#impl-TryFrom<OwnedFd>-for-TcpStream)) and waits to write to
//! it is not woken when the *other* side ends its reading only: Linux has no event for that. It is, with
//! [`BrokenPipe`](std::io::ErrorKind::BrokenPipe), when that side reads what there is, or is closed.
//!
//! They are not [`AsFd`](std::os::fd::AsFd): what that lends must stay open, but as in gevent any handle
//! may [close](TcpStream::close) the socket for all. Instead [`TcpStream::with_fd`] and
//! [`TcpListener::with_fd`] lend the descriptor to a closure, and closing waits for that.

mod address_error;
mod listener;
mod raw;
mod stream;

pub use crate::resolver::{Address, Endpoint};
pub use address_error::AddressError;
pub(crate) use listener::is_of_listener;
pub use listener::{Incoming, TcpListener};
pub use stream::TcpStream;
