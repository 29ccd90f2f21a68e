//! [`Bind`]: how the socket of a server is made.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::rc::Rc;

use rustix::fs::{Mode, fchmod};
use socket2::{Domain, Protocol, Type};

use super::raw::RawSocket;
use super::unix_address::of_unix;
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
    /// Whether addresses that other machines can reach are refused.
    pub(crate) loopback_only: bool,
    /// Who may use the file of a Unix socket. Without a value the process's umask decides.
    pub(crate) mode: Option<u32>,
}

/// A socket that is only for this machine was to listen at an address that others can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no loopback address: other machines could reach it")]
pub struct NotLoopbackError(pub SocketAddr);

impl NotLoopbackError {
    pub(crate) fn check(address: SocketAddr) -> Result<(), NotLoopbackError> {
        match address.ip().to_canonical().is_loopback() {
            true => Ok(()),
            false => Err(NotLoopbackError(address)),
        }
    }
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
            loopback_only: false,
            mode: None,
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

    /// A Unix socket that is bound to the address.
    pub(super) fn unix(&self, address: &UnixAddr, type_: Type) -> io::Result<socket2::Socket> {
        let socket = socket2::Socket::new(Domain::UNIX, type_, None)?;
        let mode = self.mode.map(Mode::from_raw_mode);
        if let Some(mode) = mode {
            // On Linux the file is made with the mode of the socket.
            fchmod(&socket, mode)?;
        }
        socket.bind(&of_unix(address)?)?;
        // Elsewhere it is changed before anybody can connect.
        #[cfg(not(target_os = "linux"))]
        if let (Some(mode), Some(path)) = (mode, address.as_pathname()) {
            rustix::fs::chmod(path, mode)?;
        }
        Ok(socket)
    }

    fn socket(&self, address: SocketAddr, type_: Type, protocol: Protocol) -> io::Result<socket2::Socket> {
        if self.loopback_only {
            NotLoopbackError::check(address).map_err(|error| io::Error::new(io::ErrorKind::PermissionDenied, error))?;
        }
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
