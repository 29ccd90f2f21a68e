//! Names to addresses, without blocking the loop. Source: gevent's `resolver/thread.py`.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use hub::get_hub;

use crate::threadpool::{HubExt, apply_io};

/// Where to connect or to listen: what [`ToSocketAddrs`] takes, but a name is looked up in
/// another thread while this one's greenlets go on.
pub trait Address {
    /// The address as it was given.
    fn into_endpoint(self) -> Endpoint;
}

/// An [`Address`], looked up or still a name.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// Known addresses, to be tried in this order.
    Known(Vec<SocketAddr>),
    /// A host and a port, `"host:port"`, to look up.
    Name(String),
}

impl Endpoint {
    /// The addresses, at least one.
    ///
    /// # Errors
    /// When the name cannot be looked up.
    pub(crate) fn resolve(self) -> io::Result<Vec<SocketAddr>> {
        let addresses = match self {
            Endpoint::Known(addresses) => addresses,
            Endpoint::Name(name) => look_up(name)?,
        };
        if addresses.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no addresses to use",
            ));
        }
        Ok(addresses)
    }
}

/// Asks the system's resolver, in a thread of the hub's pool.
fn look_up(name: String) -> io::Result<Vec<SocketAddr>> {
    apply_io(&get_hub().threadpool(), move || {
        let found = name.to_socket_addrs().map(Vec::from_iter);
        found.map_err(|e| io::Error::new(e.kind(), format!("{name}: {e}")))
    })
}

impl Address for Endpoint {
    fn into_endpoint(self) -> Endpoint {
        self
    }
}

impl Address for SocketAddr {
    fn into_endpoint(self) -> Endpoint {
        Endpoint::Known(vec![self])
    }
}

impl Address for &[SocketAddr] {
    fn into_endpoint(self) -> Endpoint {
        Endpoint::Known(self.to_vec())
    }
}

impl Address for &str {
    fn into_endpoint(self) -> Endpoint {
        match self.parse() {
            Ok(address) => Endpoint::Known(vec![address]),
            Err(_) => Endpoint::Name(self.to_owned()),
        }
    }
}

impl Address for (&str, u16) {
    fn into_endpoint(self) -> Endpoint {
        match self.0.parse::<std::net::IpAddr>() {
            Ok(ip) => SocketAddr::from((ip, self.1)).into_endpoint(),
            Err(_) => Endpoint::Name(format!("{}:{}", self.0, self.1)),
        }
    }
}

impl Address for (String, u16) {
    fn into_endpoint(self) -> Endpoint {
        (self.0.as_str(), self.1).into_endpoint()
    }
}

impl Address for String {
    fn into_endpoint(self) -> Endpoint {
        self.as_str().into_endpoint()
    }
}

macro_rules! by_conversion {
    ($($type:ty),*) => {$(
        impl Address for $type {
            fn into_endpoint(self) -> Endpoint {
                SocketAddr::from(self).into_endpoint()
            }
        }
    )*};
}

by_conversion!(
    (std::net::IpAddr, u16),
    (std::net::Ipv4Addr, u16),
    (std::net::Ipv6Addr, u16),
    ([u8; 4], u16),
    std::net::SocketAddrV4,
    std::net::SocketAddrV6
);

impl<A: Address + Clone> Address for &A {
    fn into_endpoint(self) -> Endpoint {
        self.clone().into_endpoint()
    }
}
