//! The functions of Python's `socket` that look names up. Source: gevent's `_socketcommon.py`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use hub::try_get_hub;

use super::{AddrInfo, GaiError, GetAddrInfo, HostEntry, HubResolver, Resolver, Service, native};
use crate::socket::{BadAddress, SocketAddress, ends_all};

fn resolver() -> io::Result<Rc<dyn Resolver>> {
    let hub = try_get_hub().map_err(greenlet_core::Exception::from)?;
    Ok(hub.resolver())
}

/// Finds the addresses of a host and a port, at least one. The host is a name, an address, or `None`, which means this
/// machine; the port is a number, the name of a service, or `None`.
///
/// ```
/// use gevent::socket::getaddrinfo;
///
/// let found = getaddrinfo("127.0.0.1", 80)?;
/// assert_eq!(found[0].sockaddr, "127.0.0.1:80".parse()?);
/// let stream = gevent::socket::TcpStream::connect(found[0].sockaddr);
/// # drop(stream);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// A [`GaiError`](super::GaiError) is inside if there is none; a number of the system is the error if the system cannot
/// look up at all, for example `EMFILE`. Fails also with an exception that is thrown into the current greenlet
/// meanwhile.
#[track_caller]
pub fn getaddrinfo<'a>(host: impl Into<Option<&'a str>>, port: impl Into<Service<'a>>) -> io::Result<Vec<AddrInfo>> {
    getaddrinfo_with(host, port, GetAddrInfo::default())
}

/// [`getaddrinfo`] with settings, which say what is wanted.
///
/// ```
/// use gevent::socket::{AF_INET, AI_PASSIVE, GetAddrInfo, SOCK_STREAM, getaddrinfo_with};
///
/// let wanted = GetAddrInfo::default().family(AF_INET).type_(SOCK_STREAM).flags(AI_PASSIVE);
/// let found = getaddrinfo_with(None, 8080, wanted)?;
/// assert_eq!(found.len(), 1);
/// assert_eq!(found[0].sockaddr, "0.0.0.0:8080".parse()?);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// As for `getaddrinfo`.
#[track_caller]
pub fn getaddrinfo_with<'a>(
    host: impl Into<Option<&'a str>>,
    port: impl Into<Service<'a>>,
    settings: GetAddrInfo,
) -> io::Result<Vec<AddrInfo>> {
    let found = resolver()?.getaddrinfo(host.into(), port.into(), settings)?;
    // A resolver of users may have broken its promise.
    match found.is_empty() {
        true => Err(GaiError::new(libc::EAI_NONAME).into()),
        false => Ok(found),
    }
}

/// Finds the IPv4 address of a host. An empty name means every interface.
///
/// ```
/// assert_eq!(gevent::socket::gethostbyname("127.0.0.1")?.to_string(), "127.0.0.1");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As for [`getaddrinfo`].
#[track_caller]
pub fn gethostbyname(hostname: &str) -> io::Result<Ipv4Addr> {
    resolver()?.gethostbyname(hostname)
}

/// Finds the name, the aliases and the IPv4 addresses of a host.
///
/// ```
/// use gevent::socket::{HostEntry, gethostbyname_ex};
///
/// let HostEntry { hostname, aliaslist, ipaddrlist } = gethostbyname_ex("localhost")?;
/// println!("{hostname}, also {aliaslist:?}, is at {ipaddrlist:?}");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As for [`getaddrinfo`]; an [`HError`](super::HError) may be inside as well.
#[track_caller]
pub fn gethostbyname_ex(hostname: &str) -> io::Result<HostEntry> {
    resolver()?.gethostbyname_ex(hostname)
}

/// Finds the name, the aliases and the addresses of a host by one of its addresses, or by a name.
///
/// ```
/// println!("127.0.0.1 is {}", gevent::socket::gethostbyaddr("127.0.0.1")?.hostname);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As for [`getaddrinfo`]; an [`HError`](super::HError) is inside if the address is of no known host.
#[track_caller]
pub fn gethostbyaddr(ip_address: &str) -> io::Result<HostEntry> {
    resolver()?.gethostbyaddr(ip_address)
}

/// Finds the names of a host and of a service. The host must be an address. What has no name is a number, unless the
/// flags say otherwise.
///
/// ```
/// use gevent::socket::{NI_NUMERICHOST, NI_NUMERICSERV, getnameinfo};
///
/// let (host, port) = getnameinfo(("127.0.0.1", 80), NI_NUMERICHOST | NI_NUMERICSERV)?;
/// assert_eq!((host.as_str(), port.as_str()), ("127.0.0.1", "80"));
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// As for [`getaddrinfo`], and for an address that is neither of IPv4 nor of IPv6.
#[track_caller]
pub fn getnameinfo(sockaddr: impl Into<SocketAddress>, flags: i32) -> io::Result<(String, String)> {
    let sockaddr = match sockaddr.into() {
        SocketAddress::Inet(address) => address.into(),
        SocketAddress::Inet6(address) => address.into(),
        SocketAddress::Host(host, port) => numeric(&host, port)?,
        other => return Err(BadAddress::Family(other.into(), libc::AF_UNSPEC).into()),
    };
    resolver()?.getnameinfo(sockaddr, flags)
}

/// The address of a host in one of the forms that std does not read. As in Python it has no scope: that is a part of
/// its own of the address.
fn numeric(host: &str, port: u16) -> io::Result<SocketAddr> {
    let wanted = GetAddrInfo {
        type_: libc::SOCK_DGRAM,
        flags: libc::AI_NUMERICHOST,
        ..GetAddrInfo::default()
    };
    let mut address = native::getaddrinfo(Some(host), port.into(), wanted)?[0].sockaddr;
    if let SocketAddr::V6(address) = &mut address {
        address.set_scope_id(0);
    }
    Ok(address)
}

/// The full name of a host: the first of its names that has a dot. An empty name, `"0.0.0.0"` and `"::"` mean this
/// machine. A host that cannot be looked up has the name that was given.
///
/// # Errors
/// Fails with an exception that is thrown into the current greenlet meanwhile, and if this thread can have no hub.
#[track_caller]
pub fn getfqdn(name: &str) -> io::Result<String> {
    let name = match name.trim() {
        "" | "0.0.0.0" | "::" => gethostname()?,
        name => name.to_owned(),
    };
    match gethostbyaddr(&name) {
        Ok(host) => {
            let mut names = iter_names(&host);
            Ok(names.find(|name| name.contains('.')).unwrap_or(&host.hostname).clone())
        }
        Err(error) if ends_all(&error) => Err(error),
        Err(_) => Ok(name),
    }
}

fn iter_names(host: &HostEntry) -> impl Iterator<Item = &String> {
    std::iter::once(&host.hostname).chain(&host.aliaslist)
}

/// The name of this machine.
///
/// # Errors
/// Fails if the name is not UTF-8.
pub fn gethostname() -> io::Result<String> {
    let system = rustix::system::uname();
    let name = system.nodename().to_str();
    Ok(name
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?
        .to_owned())
}
