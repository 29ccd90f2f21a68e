//! [`ServerAddress`]: the addresses that servers have.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::Path;

use crate::resolver::Endpoint;

mod sealed {
    pub trait Sealed {}
    impl Sealed for std::net::SocketAddr {}
    impl Sealed for std::os::unix::net::SocketAddr {}
}

/// An address of a server and its clients: [`std::net::SocketAddr`] or [`std::os::unix::net::SocketAddr`].
pub trait ServerAddress: sealed::Sealed + fmt::Debug + Clone + 'static {
    /// Where a server is to listen: an address that may still have to be looked up.
    #[doc(hidden)]
    type At: Clone + 'static;

    #[doc(hidden)]
    fn at(self) -> Self::At;

    /// The address, if it need not be looked up.
    #[doc(hidden)]
    fn known(at: &Self::At) -> Option<Self>;

    /// The port, which may be known although the host is not.
    #[doc(hidden)]
    fn port_of(at: &Self::At) -> Option<u16>;

    #[doc(hidden)]
    fn host(&self) -> Option<IpAddr>;

    #[doc(hidden)]
    fn port(&self) -> Option<u16>;

    /// The file that is made when a socket is bound to the address.
    #[doc(hidden)]
    fn path(&self) -> Option<&Path>;

    #[doc(hidden)]
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl ServerAddress for SocketAddr {
    type At = Endpoint;

    fn at(self) -> Endpoint {
        Endpoint::One(self)
    }

    fn known(at: &Endpoint) -> Option<Self> {
        match at {
            Endpoint::One(address) => Some(*address),
            Endpoint::Known(addresses) => addresses.first().copied(),
            Endpoint::Name(_) => None,
        }
    }

    fn port_of(at: &Endpoint) -> Option<u16> {
        match at {
            Endpoint::Name(name) => name.rsplit_once(':')?.1.parse().ok(),
            known => Some(Self::known(known)?.port()),
        }
    }

    fn host(&self) -> Option<IpAddr> {
        Some(self.ip())
    }

    fn port(&self) -> Option<u16> {
        Some(SocketAddr::port(self))
    }

    fn path(&self) -> Option<&Path> {
        None
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl ServerAddress for UnixAddr {
    type At = UnixAddr;

    fn at(self) -> UnixAddr {
        self
    }

    fn known(at: &UnixAddr) -> Option<Self> {
        Some(at.clone())
    }

    fn port_of(_at: &UnixAddr) -> Option<u16> {
        None
    }

    fn host(&self) -> Option<IpAddr> {
        None
    }

    fn port(&self) -> Option<u16> {
        None
    }

    fn path(&self) -> Option<&Path> {
        self.as_pathname()
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_pathname() {
            Some(path) => write!(f, "{}", path.display()),
            None => write!(f, "{self:?}"),
        }
    }
}

/// Writes an address.
pub(crate) struct Shown<'a, A>(pub(crate) &'a A);

impl<A: ServerAddress> fmt::Display for Shown<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}
