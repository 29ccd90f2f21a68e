//! [`create_server`] and its settings.

use std::io;

use super::{Socket, SocketAddress};

/// Settings of [`create_server_with`].
#[derive(Debug, Clone, Copy)]
pub struct CreateServer {
    /// `AF_INET`, the default, or `AF_INET6`.
    pub family: i32,
    /// How many connections may be there before they are accepted; 128 by default.
    pub backlog: i32,
    /// Whether others may listen at the same port: `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// Whether a socket of `AF_INET6` accepts connections of IPv4, too.
    pub dualstack_ipv6: bool,
}

impl Default for CreateServer {
    fn default() -> Self {
        CreateServer {
            family: libc::AF_INET,
            backlog: 128,
            reuse_port: false,
            dualstack_ipv6: false,
        }
    }
}

impl CreateServer {
    /// Sets [`family`](CreateServer::family).
    #[must_use]
    pub fn family(mut self, family: i32) -> Self {
        self.family = family;
        self
    }

    /// Sets [`backlog`](CreateServer::backlog).
    #[must_use]
    pub fn backlog(mut self, backlog: i32) -> Self {
        self.backlog = backlog;
        self
    }

    /// Sets [`reuse_port`](CreateServer::reuse_port).
    #[must_use]
    pub fn reuse_port(mut self, reuse_port: bool) -> Self {
        self.reuse_port = reuse_port;
        self
    }

    /// Sets [`dualstack_ipv6`](CreateServer::dualstack_ipv6).
    #[must_use]
    pub fn dualstack_ipv6(mut self, dualstack_ipv6: bool) -> Self {
        self.dualstack_ipv6 = dualstack_ipv6;
        self
    }
}

/// A socket that listens at an address of `AF_INET`, with `SO_REUSEADDR`.
///
/// # Errors
/// As for [`create_server_with`].
pub fn create_server(address: impl Into<SocketAddress>) -> io::Result<Socket> {
    create_server_with(address, CreateServer::default())
}

/// [`create_server`] with settings.
///
/// # Errors
/// Fails as the system's calls do, as [`Socket::bind`] for a bad address, and with [`io::ErrorKind::InvalidInput`] for
/// `dualstack_ipv6` where it cannot be.
pub fn create_server_with(address: impl Into<SocketAddress>, settings: CreateServer) -> io::Result<Socket> {
    let address = address.into();
    let inet6 = settings.family == libc::AF_INET6;
    if settings.dualstack_ipv6 && !(inet6 && has_dualstack_ipv6()) {
        let why = match inet6 {
            true => "dualstack_ipv6 not supported on this platform",
            false => "dualstack_ipv6 requires AF_INET6 family",
        };
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let socket = Socket::new(settings.family, libc::SOCK_STREAM, 0)?;
    socket.setsockopt(libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if settings.reuse_port {
        socket.setsockopt(libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    if inet6 {
        socket.setsockopt(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, (!settings.dualstack_ipv6).into())?;
    }
    socket.bind(address)?;
    socket.listen(settings.backlog)?;
    Ok(socket)
}

/// Whether a socket of `AF_INET6` can accept connections of IPv4.
pub fn has_dualstack_ipv6() -> bool {
    let asked = || {
        let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None)?;
        socket.set_only_v6(false)
    };
    asked().is_ok()
}
