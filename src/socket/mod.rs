//! Sockets that park the greenlet instead of blocking the thread. Source: gevent's `socket.py`.
//!
//! [`TcpStream`] and [`TcpListener`] are used like those of [`std::net`].
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
