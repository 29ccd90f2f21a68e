//! What a look-up is asked for, and what it finds.

use std::net::{IpAddr, SocketAddr};

/// An address that [`getaddrinfo`](super::getaddrinfo) has found, with all that a socket for it is made of.
///
/// Source: the five values of Python's `getaddrinfo`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddrInfo {
    /// The family, for example `AF_INET`.
    pub family: i32,
    /// The type of the socket, for example `SOCK_STREAM`.
    pub type_: i32,
    /// The protocol, for example `IPPROTO_TCP`.
    pub proto: i32,
    /// The host's canonical name, in the first result and if it was asked for with `AI_CANONNAME`.
    pub canonname: String,
    /// The address.
    pub sockaddr: SocketAddr,
}

/// Settings of [`getaddrinfo_with`](super::getaddrinfo_with). Each is 0 by default, which means all families, types and
/// protocols, and no flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct GetAddrInfo {
    /// `AF_INET` or `AF_INET6`, if only one of them is wanted.
    pub family: i32,
    /// `SOCK_STREAM`, `SOCK_DGRAM` or another type.
    pub type_: i32,
    /// `IPPROTO_TCP`, `IPPROTO_UDP` or another protocol.
    pub proto: i32,
    /// Flags, such as `AI_PASSIVE | AI_NUMERICHOST`.
    pub flags: i32,
}

impl GetAddrInfo {
    /// Sets [`family`](GetAddrInfo::family).
    #[must_use]
    pub fn family(mut self, family: i32) -> Self {
        self.family = family;
        self
    }

    /// Sets [`type_`](GetAddrInfo::type_).
    #[must_use]
    pub fn type_(mut self, type_: i32) -> Self {
        self.type_ = type_;
        self
    }

    /// Sets [`proto`](GetAddrInfo::proto).
    #[must_use]
    pub fn proto(mut self, proto: i32) -> Self {
        self.proto = proto;
        self
    }

    /// Sets [`flags`](GetAddrInfo::flags).
    #[must_use]
    pub fn flags(mut self, flags: i32) -> Self {
        self.flags = flags;
        self
    }
}

/// The port of a look-up: a number, the name of a service, or none. It is made of `80`, `"http"` and `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service<'a> {
    /// No port.
    None,
    /// A number. As in Python, it is the system that says what it means if it is no port.
    Port(i64),
    /// The name of a service, for example `"http"`, or a number as a text.
    Name(&'a str),
}

impl Service<'_> {
    /// Whether the port is known without looking a name up.
    pub(super) fn is_numeric(&self) -> bool {
        match self {
            Service::None | Service::Port(_) => true,
            Service::Name(name) => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()),
        }
    }
}

macro_rules! of_number {
    ($($number:ty),*) => {$(
        impl From<$number> for Service<'_> {
            fn from(port: $number) -> Self {
                Service::Port(port.into())
            }
        }
    )*};
}

of_number!(u16, i32, i64);

impl<'a> From<&'a str> for Service<'a> {
    fn from(name: &'a str) -> Self {
        Service::Name(name)
    }
}

impl From<Option<u16>> for Service<'_> {
    fn from(port: Option<u16>) -> Self {
        port.map_or(Service::None, Service::from)
    }
}

/// A host as [`gethostbyname_ex`](super::gethostbyname_ex) and [`gethostbyaddr`](super::gethostbyaddr) know it.
///
/// Source: the three values of Python's functions, whose names the fields have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct HostEntry {
    /// The primary name.
    pub hostname: String,
    /// Its other names.
    pub aliaslist: Vec<String>,
    /// Its addresses.
    pub ipaddrlist: Vec<IpAddr>,
}
