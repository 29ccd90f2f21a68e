//! Servers, with a greenlet for each client. Source: gevent's `server.py`.
//!
//! ```
//! use std::io::{Read, Write};
//! use gevent::server::StreamServer;
//! use gevent::socket::TcpStream;
//!
//! let server = StreamServer::new("127.0.0.1:0", |mut stream: TcpStream, _peer| {
//!     stream.write_all(b"welcome")?;
//!     Ok(())
//! });
//! server.start()?;
//! let mut text = String::new();
//! TcpStream::connect(server.address().unwrap())?.read_to_string(&mut text)?;
//! assert_eq!(text, "welcome");
//! server.stop()?;
//! # Ok::<(), gevent::Exception>(())
//! ```
//!
//! | gevent | here |
//! |---|---|
//! | `StreamServer(("127.0.0.1", 80), f)`, `":80"`, `80` | [`StreamServer::new`] with any [`Address`](crate::socket::Address) |
//! | `StreamServer(listener, f)` | [`build_on`](Builder::build_on) a `TcpListener` or `UnixListener`. Python's [`Socket`](crate::socket::Socket) becomes one by `try_from` |
//! | a listener that is bound to a path | also [`build_at_path`](Builder::build_at_path) |
//! | `StreamServer(address, f, spawn=2, backlog=100)` | [`StreamServer::builder`] |
//! | `DatagramServer(":9000", f)` | [`DatagramServer::new`] |
//! | a subclass with a method `handle(self, data, address)` | [`set_method`](BaseServer::set_method) |
//! | `ssl_context=context` | `SSLContext::wrap_socket_and_handle`, with the feature `ssl`; or [`wrap_socket_and_handle`] |
//! | all methods of both | those of [`BaseServer`] |
//!
//! The sockets that systemd hands to a program are found by [`listen_fds`].

mod accepted;
mod builder;
mod datagram;
mod stream;
mod wrap;

pub use crate::baseserver::{BaseServer, Handler, ServerAddress, ServerSocket, Spawn, Spawner};
pub use crate::socket::listen_fds;
pub use accepted::Accepted;
pub use builder::Builder;
pub use datagram::{DatagramServer, DatagramSocket};
pub use stream::StreamServer;
pub use wrap::wrap_socket_and_handle;
