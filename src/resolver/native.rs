//! The look-ups of Python's `_socket`, made of the system's functions. They block, but for those of which this file
//! says that nothing has to be looked up.

use std::ffi::CString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use libc::{
    AF_INET, AF_UNSPEC, AI_NUMERICHOST, AI_NUMERICSERV, AI_PASSIVE, NI_NUMERICHOST, NI_NUMERICSERV, SOCK_DGRAM,
};

use super::{AddrInfo, GetAddrInfo, HostEntry, Service, system};
use crate::socket::{BadAddress, inet_aton};

pub(super) fn getaddrinfo(
    host: Option<&str>,
    port: Service<'_>,
    mut settings: GetAddrInfo,
) -> io::Result<Vec<AddrInfo>> {
    // The system is not to look up what this file takes for a number.
    if host.is_some_and(is_numeric) {
        settings.flags |= AI_NUMERICHOST;
    }
    let host = host.map(c_string).transpose()?;
    let service = match port {
        Service::None => None,
        Service::Port(port) => Some(c_string(&port.to_string())?),
        Service::Name(name) => Some(c_string(name)?),
    };
    system::getaddrinfo(host.as_deref(), service.as_deref(), settings)
}

/// Whether [`getaddrinfo`] looks nothing up, neither in files nor in the network.
pub(super) fn getaddrinfo_is_quick(host: Option<&str>, port: Service<'_>, settings: GetAddrInfo) -> bool {
    let numeric_host = |host| settings.flags & AI_NUMERICHOST != 0 || is_numeric(host);
    let numeric_port = settings.flags & AI_NUMERICSERV != 0 || port.is_numeric();
    host.is_none_or(numeric_host) && numeric_port
}

/// Whether a host is an address, in any of the forms that the system knows.
pub(super) fn is_numeric(host: &str) -> bool {
    let ipv6 = host.split_once('%').map_or(host, |(address, _scope)| address);
    ipv6.parse::<Ipv6Addr>().is_ok() || inet_aton(host).is_some()
}

/// The address that a host is, if it is one. Looks nothing up.
#[cfg(feature = "dns")]
pub(super) fn numeric_address(host: &str) -> Option<IpAddr> {
    let known = host.is_empty() || host == "<broadcast>" || is_numeric(host);
    known.then(|| address_of(host, AF_UNSPEC).ok()).flatten()
}

pub(super) fn gethostbyname(hostname: &str) -> io::Result<Ipv4Addr> {
    match address_of(hostname, AF_INET)? {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(io::Error::other("unknown address family")),
    }
}

/// The hosts that Python's `gethostbyname` knows besides.
pub(super) fn special_ipv4(hostname: &str) -> Option<Ipv4Addr> {
    match hostname {
        "" => Some(Ipv4Addr::UNSPECIFIED),
        "<broadcast>" => Some(Ipv4Addr::BROADCAST),
        number => number.parse().ok(),
    }
}

pub(super) fn gethostbyname_ex(hostname: &str) -> io::Result<HostEntry> {
    address_of(hostname, AF_INET)?;
    system::gethostbyname(&c_string(hostname)?)
}

pub(super) fn gethostbyaddr(ip_address: &str) -> io::Result<HostEntry> {
    system::gethostbyaddr(address_of(ip_address, AF_UNSPEC)?)
}

pub(super) fn getnameinfo(sockaddr: SocketAddr, flags: i32) -> io::Result<(String, String)> {
    system::getnameinfo(&sockaddr.into(), flags)
}

/// Whether [`getnameinfo`] looks nothing up.
pub(super) fn getnameinfo_is_quick(flags: i32) -> bool {
    let numeric = NI_NUMERICHOST | NI_NUMERICSERV;
    flags & numeric == numeric
}

/// The first address of a host, or that of its special names: `setipaddr` of Python's `socketmodule.c`.
fn address_of(host: &str, family: i32) -> io::Result<IpAddr> {
    let settings = GetAddrInfo::default().family(family);
    if host.is_empty() {
        let wildcard = settings.type_(SOCK_DGRAM).flags(AI_PASSIVE);
        let found = getaddrinfo(None, Service::Port(0), wildcard)?;
        return match &found[..] {
            [one] => Ok(one.sockaddr.ip()),
            _ => Err(io::Error::other("wildcard resolved to multiple address")),
        };
    }
    if host == "<broadcast>" || host == "255.255.255.255" {
        return Ok(Ipv4Addr::BROADCAST.into());
    }
    Ok(getaddrinfo(Some(host), Service::None, settings)?[0].sockaddr.ip())
}

fn c_string(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(|_| BadAddress::Nul(text.to_owned()).into())
}
