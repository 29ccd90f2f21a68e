//! [`Address`] and [`Endpoint`]: addresses to connect to or to listen at, whose names are looked up while other
//! greenlets run.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hub::TimedOut;

use super::error::with_address;
use super::{GetAddrInfo, Service, getaddrinfo_with};
use crate::Timeout;
use crate::socket::{BadAddress, ends_all};

/// An address to connect to or to listen at: the types that are [`ToSocketAddrs`](std::net::ToSocketAddrs), and a port
/// alone.
///
/// A name is looked up by the hub's [resolver](crate::resolver), while other greenlets go on. The port may be the name
/// of a service, and an address may have a scope: `"localhost:http"`, `"[fe80::1%lo]:80"`. A port alone, `8080` or
/// `":8080"`, means every interface, as for gevent's servers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an address",
    label = "an address is `\"host:port\"`, `(\"host\", 80)`, a `SocketAddr`, or a port alone",
    note = "a port is a `u16`, a host `&str` or `String`"
)]
pub trait Address {
    /// Converts the address without looking a name up.
    fn into_endpoint(self) -> Endpoint;
}

/// An [`Address`] in one of its forms: known, or a name that is still to be looked up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Endpoint {
    /// A known address.
    One(SocketAddr),
    /// Known addresses, which are tried in this order.
    Known(Vec<SocketAddr>),
    /// A host and a port as `"host:port"`, which is to be looked up.
    Name(String),
}

impl Endpoint {
    /// The addresses, at least one, after looking the name up.
    ///
    /// # Errors
    /// Fails if the name cannot be looked up, if there is no address, and with an exception that is thrown meanwhile.
    #[track_caller]
    pub(crate) fn resolve(self) -> io::Result<Vec<SocketAddr>> {
        self.resolve_timeout(None)
    }

    /// [`resolve`](Endpoint::resolve) with a time limit in seconds. With 0 it looks no name up.
    ///
    /// # Errors
    /// As for `resolve`; with [`io::ErrorKind::TimedOut`] when the time is over, or [`io::ErrorKind::WouldBlock`].
    pub(crate) fn resolve_timeout(self, timeout: Option<f64>) -> io::Result<Vec<SocketAddr>> {
        let addresses = match self {
            Endpoint::One(address) => vec![address],
            Endpoint::Known(addresses) => addresses,
            Endpoint::Name(name) => match timeout {
                None => look_up(&name)?,
                Some(seconds) => look_up_within(&name, seconds)?,
            },
        };
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no addresses to use"));
        }
        Ok(addresses)
    }
}

impl Endpoint {
    /// The first of the addresses, after looking the name up. Allocates nothing for an address that is known.
    ///
    /// # Errors
    /// As for [`resolve`](Endpoint::resolve).
    #[track_caller]
    pub(crate) fn first(self) -> io::Result<SocketAddr> {
        match self {
            Endpoint::One(address) => Ok(address),
            several => Ok(several.resolve()?[0]),
        }
    }
}

/// Looks up what is written as `"host:port"`.
#[track_caller]
fn look_up(name: &str) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = split(name)?;
    let stream = GetAddrInfo::default().type_(libc::SOCK_STREAM);
    let found = getaddrinfo_with(host, port, stream).map_err(|error| with_address(error, name))?;
    Ok(found.into_iter().map(|info| info.sockaddr).collect())
}

/// Splits `"host:port"`. The host may be in brackets, and the port the name of a service.
fn split(name: &str) -> io::Result<(&str, Service<'_>)> {
    let (host, port) = name.rsplit_once(':').unwrap_or((name, ""));
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let service = match port.parse() {
        Ok(port) => Service::Port(port),
        Err(_) => Service::Name(port),
    };
    match service {
        Service::Port(port @ (..0 | 65536..)) => {
            let bad = BadAddress::Port(port);
            Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name}: {bad}")))
        }
        Service::Name("") => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name}: invalid socket address: there is no port"),
        )),
        service => Ok((bare.unwrap_or(host), service)),
    }
}

/// [`look_up`] with a time limit. When that is over, the look-up goes on in the other thread, for nobody.
#[track_caller]
fn look_up_within(name: &str, seconds: f64) -> io::Result<Vec<SocketAddr>> {
    if seconds <= 0.0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let found = Timeout::new(seconds).silent(|| match look_up(name) {
        // The timeout is to see what was thrown, and nothing else.
        Err(error) if ends_all(&error) => Err(error.into()),
        found => Ok(found),
    });
    found?.unwrap_or_else(|| Err(TimedOut.into()))
}

impl Address for Endpoint {
    fn into_endpoint(self) -> Endpoint {
        self
    }
}

impl Address for SocketAddr {
    fn into_endpoint(self) -> Endpoint {
        Endpoint::One(self)
    }
}

impl Address for &[SocketAddr] {
    fn into_endpoint(self) -> Endpoint {
        Endpoint::Known(self.to_vec())
    }
}

/// The text is `"host:port"`. Without a host (`":8080"`), or with `*` as the host, it means every IPv4 interface; a
/// port alone (`"8080"`) means every interface.
impl Address for &str {
    fn into_endpoint(self) -> Endpoint {
        if let Ok(address) = self.parse() {
            return Endpoint::One(address);
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

/// A host and a port. An empty host means every interface.
impl Address for (&str, u16) {
    fn into_endpoint(self) -> Endpoint {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::from((ip, self.1)).into_endpoint(),
            Err(_) if self.0.is_empty() => self.1.into_endpoint(),
            Err(_) => Endpoint::Name(format!("{}:{}", self.0, self.1)),
        }
    }
}

/// A port of every interface. IPv6's unspecified address comes first, at which IPv4 can connect, too; where there is no
/// IPv6, IPv4's is used.
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
