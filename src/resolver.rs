//! Looks names up without blocking the loop. Source: gevent's `resolver/thread.py`. That uses the hub's thread pool; here
//! the look-ups have a pool of their own, which ten long tasks of other kinds cannot fill.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use hub::hub_to_wait_in;

use crate::threadpool::{HubExt, apply_io};

/// Where to connect or to listen: anything that is [`ToSocketAddrs`], but a name is looked up in another thread while this
/// one's greenlets go on. A port alone, `":8080"`, is an address too, as for gevent's servers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an address",
    label = "an address is `\"host:port\"`, `(\"host\", 80)`, a `SocketAddr`, or a port alone",
    note = "a port is a `u16`, a host `&str` or `String`"
)]
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

/// Asks the system's resolver, in a thread of the hub's pool for look-ups.
fn look_up(name: String) -> io::Result<Vec<SocketAddr>> {
    let hub = hub_to_wait_in()?;
    apply_io(&hub.resolver_threadpool(), move || {
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

/// `"host:port"`; with no host, or `*`, every IPv4 interface; the port alone, every interface.
impl Address for &str {
    fn into_endpoint(self) -> Endpoint {
        if let Ok(address) = self.parse() {
            return Endpoint::Known(vec![address]);
        }
        if let Ok(port) = self.parse::<u16>() {
            return port.into_endpoint();
        }
        let port = self.strip_prefix('*').unwrap_or(self).strip_prefix(':');
        match port.and_then(|port| port.parse::<u16>().ok()) {
            Some(port) => (Ipv4Addr::UNSPECIFIED, port).into_endpoint(),
            None => Endpoint::Name(self.to_owned()),
        }
    }
}

/// With an empty host, every interface.
impl Address for (&str, u16) {
    fn into_endpoint(self) -> Endpoint {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::from((ip, self.1)).into_endpoint(),
            Err(_) if self.0.is_empty() => self.1.into_endpoint(),
            Err(_) => Endpoint::Name(format!("{}:{}", self.0, self.1)),
        }
    }
}

/// A port of every interface: IPv6's address for that, which IPv4 can reach, too; where there is
/// no IPv6, IPv4's.
impl Address for u16 {
    fn into_endpoint(self) -> Endpoint {
        Endpoint::Known(vec![
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, self)),
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, self)),
        ])
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
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16),
    ([u8; 4], u16),
    std::net::SocketAddrV4,
    std::net::SocketAddrV6
);

impl<A: Address + Clone> Address for &A {
    fn into_endpoint(self) -> Endpoint {
        self.clone().into_endpoint()
    }
}
