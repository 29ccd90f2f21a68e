//! [`SocketAddress`]: an address of any family, as Python's functions take and return it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use socket2::SockAddr;

use crate::resolver::{Address, Endpoint, GetAddrInfo, getaddrinfo_with};

/// The address of a [`Socket`](super::Socket). Python has tuples, texts and bytes instead, by the family.
///
/// ```
/// use gevent::socket::{BadAddress, SocketAddress};
///
/// let address = SocketAddress::from(("127.0.0.1", 80));
/// assert_eq!(address, SocketAddress::Inet("127.0.0.1:80".parse()?));
/// assert_eq!(SocketAddress::host("::1", 65536), Err(BadAddress::Port(65536)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketAddress {
    /// A host by name, and a port. The name is looked up when the address is used, in the family of the socket. An
    /// empty name means every interface.
    Host(String, u16),
    /// A host and a port of `AF_INET`.
    Inet(SocketAddrV4),
    /// A host and a port of `AF_INET6`, with flow information and scope.
    Inet6(SocketAddrV6),
    /// A path of `AF_UNIX`. As in Python, one that begins with a NUL is an abstract name, and an empty one is that of a
    /// socket without an address.
    Unix(PathBuf),
    /// An address of another family.
    Other(SockAddr),
}

/// A value that cannot be an address of a socket. It is inside an [`io::Error`] with the kind
/// [`InvalidInput`](io::ErrorKind::InvalidInput).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAddress {
    /// A port that is not within 0 and 65535.
    #[error("port must be 0-65535, not {0}")]
    Port(i64),
    /// A name or path with a NUL inside.
    #[error("embedded null byte in {0:?}")]
    Nul(String),
    /// A path of a Unix socket that is too long, with its number of bytes.
    #[error("AF_UNIX path too long: {0} bytes")]
    TooLong(usize),
    /// An address of another family than the socket has.
    #[error("{0} is no address of the family {1}")]
    Family(Box<SocketAddress>, i32),
}

impl From<BadAddress> for io::Error {
    fn from(bad: BadAddress) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, bad)
    }
}

impl SocketAddress {
    /// A host, as name or number, and a port that is checked.
    ///
    /// # Errors
    /// Fails for a port that is not within 0 and 65535.
    pub fn host(host: &str, port: i64) -> Result<SocketAddress, BadAddress> {
        let port = port.try_into().map_err(|_| BadAddress::Port(port))?;
        Ok((host, port).into())
    }

    /// The system's form of the address, for a socket of a family. Looks a name up.
    pub(super) fn for_family(self, family: i32) -> io::Result<SockAddr> {
        Ok(match (self, family) {
            (SocketAddress::Inet(address), libc::AF_INET) => address.into(),
            (SocketAddress::Inet6(address), libc::AF_INET6) => address.into(),
            (SocketAddress::Unix(path), libc::AF_UNIX) => of_path(&path)?,
            (SocketAddress::Host(host, port), libc::AF_INET | libc::AF_INET6) => look_up(host, port, family)?.into(),
            (SocketAddress::Other(address), _) if i32::from(address.family()) == family => address,
            (address, family) => return Err(BadAddress::Family(address.into(), family).into()),
        })
    }

    /// An address from the system. `None` if there is none: that of a datagram from a socket without an address, and of
    /// data of a connection.
    pub(super) fn of(address: SockAddr) -> Option<SocketAddress> {
        if address.len() == 0 {
            return None;
        }
        if let Some(address) = address.as_socket() {
            return Some(address.into());
        }
        if !address.is_unix() {
            return Some(SocketAddress::Other(address));
        }
        let path = address.as_pathname().map(Path::to_path_buf);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let path = path.or_else(|| {
            let name = address.as_abstract_namespace()?;
            Some(std::ffi::OsStr::from_bytes(&[b"\0", name].concat()).into())
        });
        Some(SocketAddress::Unix(path.unwrap_or_default()))
    }
}

fn of_path(path: &Path) -> io::Result<SockAddr> {
    let bytes = path.as_os_str().as_bytes();
    // An abstract name may have more of them.
    if bytes.first().is_some_and(|first| *first != 0) && bytes.contains(&0) {
        return Err(BadAddress::Nul(path.to_string_lossy().into_owned()).into());
    }
    SockAddr::unix(path).map_err(|_| BadAddress::TooLong(bytes.len()).into())
}

fn look_up(host: String, port: u16, family: i32) -> io::Result<SocketAddr> {
    if host.is_empty() {
        return Ok(match family {
            libc::AF_INET => (Ipv4Addr::UNSPECIFIED, port).into(),
            _ => (Ipv6Addr::UNSPECIFIED, port).into(),
        });
    }
    if host.contains('\0') {
        return Err(BadAddress::Nul(host).into());
    }
    let found = getaddrinfo_with(host.as_str(), port, GetAddrInfo::default().family(family))?;
    Ok(found[0].sockaddr)
}

/// As Python writes them.
impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SocketAddress::Host(host, port) => write!(f, "({host:?}, {port})"),
            SocketAddress::Inet(address) => write!(f, "(\"{}\", {})", address.ip(), address.port()),
            SocketAddress::Inet6(a) => {
                let (flow, scope) = (a.flowinfo(), a.scope_id());
                write!(f, "(\"{}\", {}, {flow}, {scope})", a.ip(), a.port())
            }
            SocketAddress::Unix(path) => write!(f, "{path:?}"),
            SocketAddress::Other(address) => write!(f, "{address:?}"),
        }
    }
}

impl From<SocketAddr> for SocketAddress {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => SocketAddress::Inet(address),
            SocketAddr::V6(address) => SocketAddress::Inet6(address),
        }
    }
}

/// A number of a host, Python's `"<broadcast>"`, or a name.
impl From<(&str, u16)> for SocketAddress {
    fn from((host, port): (&str, u16)) -> Self {
        match host.parse::<IpAddr>() {
            Ok(ip) => (ip, port).into(),
            Err(_) if host == "<broadcast>" => (Ipv4Addr::BROADCAST, port).into(),
            Err(_) => SocketAddress::Host(host.to_owned(), port),
        }
    }
}

impl From<(String, u16)> for SocketAddress {
    fn from((host, port): (String, u16)) -> Self {
        (host.as_str(), port).into()
    }
}

/// Host, port, flow information and scope: Python's address of `AF_INET6`.
impl From<(Ipv6Addr, u16, u32, u32)> for SocketAddress {
    fn from((ip, port, flowinfo, scope): (Ipv6Addr, u16, u32, u32)) -> Self {
        SocketAddress::Inet6(SocketAddrV6::new(ip, port, flowinfo, scope))
    }
}

/// A path or an abstract name of `AF_UNIX`.
impl From<&str> for SocketAddress {
    fn from(path: &str) -> Self {
        SocketAddress::Unix(path.into())
    }
}

impl From<&Path> for SocketAddress {
    fn from(path: &Path) -> Self {
        SocketAddress::Unix(path.into())
    }
}

impl From<PathBuf> for SocketAddress {
    fn from(path: PathBuf) -> Self {
        SocketAddress::Unix(path)
    }
}

/// What [`getsockname`](super::Socket::getsockname) returns, for [`create_connection`](super::create_connection). That
/// of another family than `AF_INET` and `AF_INET6` stands for no address at all.
impl Address for SocketAddress {
    fn into_endpoint(self) -> Endpoint {
        match self {
            SocketAddress::Host(host, port) => (host, port).into_endpoint(),
            SocketAddress::Inet(address) => address.into_endpoint(),
            SocketAddress::Inet6(address) => address.into_endpoint(),
            SocketAddress::Unix(_) | SocketAddress::Other(_) => Endpoint::Known(Vec::new()),
        }
    }
}

impl From<&SocketAddress> for SocketAddress {
    fn from(address: &SocketAddress) -> Self {
        address.clone()
    }
}

macro_rules! by_conversion {
    ($($type:ty),*) => {$(
        impl From<$type> for SocketAddress {
            fn from(address: $type) -> Self {
                SocketAddr::from(address).into()
            }
        }
    )*};
}

by_conversion!(
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);
