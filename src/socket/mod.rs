//! Sockets that park the greenlet instead of blocking the thread. Source: gevent's `socket.py`.
//!
//! ```
//! use std::io::{Read, Write};
//! use gevent::prelude::*;
//! use gevent::socket::{TcpListener, TcpStream};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! let client = spawn(move || {
//!     let mut text = String::new();
//!     TcpStream::connect(address)?.read_to_string(&mut text)?; // the others go on meanwhile
//!     Ok(text)
//! });
//! let (mut stream, _peer) = listener.accept()?;
//! stream.write_all(b"hello")?;
//! stream.close();
//! assert_eq!(client.get()?, "hello");
//! # Ok::<(), Exception>(())
//! ```
//!
//! [`TcpStream`] and [`TcpListener`] have the methods of those of [`std::net`], with the same results. These things differ:
//!
//! * Timeouts are Python's: they belong to the handle and not to the connection, and are any
//!   [`Seconds`](crate::Seconds). A call that takes too long fails with [`TimedOut`](std::io::ErrorKind::TimedOut). With 0
//!   nothing waits: a call that would have to fails with [`WouldBlock`](std::io::ErrorKind::WouldBlock), and so does
//!   [`connect_timeout`](TcpStream::connect_timeout). [`set_nonblocking`](TcpStream::set_nonblocking) is a timeout of 0.
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
//! A Unix socket can be taken over, by [`TryFrom<OwnedFd>`](TcpStream#impl-TryFrom<OwnedFd>-for-TcpStream). A greenlet that
//! waits to write to it is not woken when the *other* side ends its reading only: Linux has no event for that. It is
//! woken, with [`BrokenPipe`](std::io::ErrorKind::BrokenPipe), when that side reads what there is, or is closed.
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
