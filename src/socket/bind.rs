//! [`Bind`]: how the socket of a server is made.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use socket2::{Domain, Protocol, Type};

use super::raw::RawSocket;
use super::{AddressError, Endpoint};

/// The options of a socket that is bound to an address.
#[derive(Debug, Clone, Copy)]
pub struct Bind {
    /// How many connections may wait to be accepted.
    pub(crate) backlog: i32,
    /// Whether the port may still be in use by old connections: `SO_REUSEADDR`.
    pub(crate) reuse_addr: bool,
    /// Whether others may be bound to the same port: `SO_REUSEPORT`.
    pub(crate) reuse_port: bool,
    /// Whether a socket of IPv6 is one of IPv4, too. Without a value the system decides.
    pub(crate) dualstack_ipv6: Option<bool>,
}

/// How many connections may wait to be accepted, by default.
const BACKLOG: i32 = 1024;

impl Default for Bind {
    fn default() -> Self {
        Bind {
            backlog: BACKLOG,
            reuse_addr: true,
            reuse_port: false,
            dualstack_ipv6: None,
        }
    }
}

impl Bind {
    /// A socket that listens at the first of the addresses that is free.
    pub(super) fn listen(&self, endpoint: Endpoint) -> io::Result<Rc<RawSocket>> {
        Self::first(endpoint, |address| {
            let socket = self.socket(address, Type::STREAM, Protocol::TCP)?;
            let bound = socket.bind(&address.into());
            let listens = bound.and_then(|()| socket.listen(self.backlog));
            listens.map_err(|error| AddressError::with("listen at", address, error))?;
            Ok(socket)
        })
    }

    /// A socket for datagrams at the first of the addresses that is free.
    pub(super) fn datagrams(&self, endpoint: Endpoint) -> io::Result<Rc<RawSocket>> {
        Self::first(endpoint, |address| {
            let socket = self.socket(address, Type::DGRAM, Protocol::UDP)?;
            let bound = socket.bind(&address.into());
            bound.map_err(|error| AddressError::with("bind to", address, error))?;
            Ok(socket)
        })
    }

    fn first(
        endpoint: Endpoint,
        make: impl Fn(SocketAddr) -> io::Result<socket2::Socket>,
    ) -> io::Result<Rc<RawSocket>> {
        let mut failure = None;
        for address in endpoint.resolve()? {
            match make(address) {
                Ok(socket) => return Ok(Rc::new(RawSocket::new(socket)?)),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
    }

    fn socket(&self, address: SocketAddr, type_: Type, protocol: Protocol) -> io::Result<socket2::Socket> {
        let socket = socket2::Socket::new(Domain::for_address(address), type_, Some(protocol))?;
        if self.reuse_addr {
            socket.set_reuse_address(true)?;
        }
        if self.reuse_port {
            socket.set_reuse_port(true)?;
        }
        if let Some(dualstack) = self.dualstack_ipv6
            && address.is_ipv6()
        {
            socket.set_only_v6(!dualstack)?;
        }
        Ok(socket)
    }
}
