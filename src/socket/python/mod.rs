//! Python's face of the sockets: [`Socket`] with the methods of `socket.socket`, and the functions of the module
//! `socket`. Source: gevent's `_socket3.py` and `_socketcommon.py`.
//!
//! All of it is made of [`RawSocket`](super::raw::RawSocket), which only `socket.rs` and its neighbours here touch.

mod address;
mod connect;
mod convert;
mod functions;
mod inet;
mod kind;
mod makefile;
mod message;
mod options;
mod sendfile;
mod serve;
mod socket;
mod transfer;

pub use address::{BadAddress, SocketAddress};
pub use connect::{CreateConnection, create_connection, create_connection_timeout, create_connection_with};
pub use functions::{fromfd, socketpair, socketpair_with};
pub use inet::inet_aton;
pub(super) use kind::Kind;
pub(super) use makefile::Files;
pub use makefile::SocketFile;
pub use message::{RecvMsg, recv_fds, recv_fds_with_flags, send_fds};
pub use serve::{CreateServer, create_server, create_server_with, has_dualstack_ipv6};
pub use socket::Socket;
