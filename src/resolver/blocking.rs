//! [`BlockingResolver`]: the system's look-ups. Source: gevent's `resolver/blocking.py`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use super::{AddrInfo, GetAddrInfo, HostEntry, Resolver, Service, native};

/// The resolver that asks the system in the calling thread, whose greenlets stand still meanwhile. It may be right
/// where the system answers at once: from its hosts file, or from a cache.
#[derive(Debug, Clone, Copy, Default)]
pub struct BlockingResolver;

impl Resolver for BlockingResolver {
    fn getaddrinfo(&self, host: Option<&str>, port: Service<'_>, settings: GetAddrInfo) -> io::Result<Vec<AddrInfo>> {
        native::getaddrinfo(host, port, settings)
    }

    fn gethostbyname(&self, hostname: &str) -> io::Result<Ipv4Addr> {
        native::gethostbyname(hostname)
    }

    fn gethostbyname_ex(&self, hostname: &str) -> io::Result<HostEntry> {
        native::gethostbyname_ex(hostname)
    }

    fn gethostbyaddr(&self, ip_address: &str) -> io::Result<HostEntry> {
        native::gethostbyaddr(ip_address)
    }

    fn getnameinfo(&self, sockaddr: SocketAddr, flags: i32) -> io::Result<(String, String)> {
        native::getnameinfo(sockaddr, flags)
    }
}
