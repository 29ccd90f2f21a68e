//! Sockets that park the greenlet instead of blocking the thread. Source: gevent's `socket.py`.
//!
//! [`TcpStream`] and [`TcpListener`] are used like those of [`std::net`].

mod listener;
mod raw;
mod stream;

pub use crate::resolver::{Address, Endpoint};
pub use listener::{Incoming, TcpListener};
pub use stream::TcpStream;
