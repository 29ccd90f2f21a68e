//! [`Accepted`]: the context of an error that concerns one client.

use std::fmt;

use crate::baseserver::ServerSocket;
use crate::socket::TcpListener;

/// A client that could not be handed to its handler, or whose handler has failed in the [hub](super::Spawn::InHub). The
/// hub's [error handler](crate::Hub::set_error_handler) gets the client as the context of such an error. After it the
/// server pauses.
///
/// The parameter is the type of the server's socket: `Accepted` alone is that of a TCP server.
///
/// Source: the pair that gevent's `baseserver.py` passes as the context.
#[non_exhaustive]
pub struct Accepted<L: ServerSocket = TcpListener> {
    /// The server that has accepted the client.
    pub server: L::Server,
    /// The address of the client.
    pub address: L::Address,
}

impl<L: ServerSocket> Accepted<L> {
    pub(crate) fn new(server: L::Server, address: L::Address) -> Self {
        Accepted { server, address }
    }
}

impl<L: ServerSocket> fmt::Debug for Accepted<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::baseserver::Shown;
        write!(f, "(({},), {:?})", Shown(&self.address), self.server)
    }
}
