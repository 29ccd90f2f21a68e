//! [`Resolver`]: what looks names up for a hub. Source: `AbstractResolver` in gevent's `resolver/__init__.py`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use libc::{AF_INET, AI_CANONNAME, EAI_NODATA, IPPROTO_TCP, SOCK_STREAM};

use super::{AddrInfo, GaiError, GetAddrInfo, HostEntry, Service, native};

/// An object that looks names up for the greenlets of a [hub](super::HubResolver). Its methods are called in the
/// greenlet that looks up, and may wait there.
///
/// ```
/// use std::io;
/// use std::net::SocketAddr;
/// use std::rc::Rc;
/// use gevent::prelude::*;
/// use gevent::resolver::*;
///
/// /// A resolver that knows one more name.
/// struct Known(ThreadResolver);
///
/// impl Resolver for Known {
///     fn getaddrinfo(&self, host: Option<&str>, port: Service<'_>, with: GetAddrInfo) -> io::Result<Vec<AddrInfo>> {
///         match host {
///             Some("database.example") => self.0.getaddrinfo(Some("127.0.0.1"), port, with),
///             other => self.0.getaddrinfo(other, port, with),
///         }
///     }
///
///     fn gethostbyaddr(&self, ip_address: &str) -> io::Result<HostEntry> {
///         self.0.gethostbyaddr(ip_address)
///     }
///
///     fn getnameinfo(&self, sockaddr: SocketAddr, flags: i32) -> io::Result<(String, String)> {
///         self.0.getnameinfo(sockaddr, flags)
///     }
/// }
///
/// get_hub().set_resolver(Rc::new(Known(ThreadResolver)));
/// assert_eq!(gethostbyname("database.example")?.to_string(), "127.0.0.1");
/// # Ok::<(), Exception>(())
/// ```
pub trait Resolver {
    /// Finds the addresses of a host and a port; see [`getaddrinfo`](super::getaddrinfo). There is at least one.
    ///
    /// # Errors
    /// A [`GaiError`] inside, if there is none.
    fn getaddrinfo(&self, host: Option<&str>, port: Service<'_>, settings: GetAddrInfo) -> io::Result<Vec<AddrInfo>>;

    /// Finds the names of an address; see [`gethostbyaddr`](super::gethostbyaddr).
    ///
    /// # Errors
    /// An [`HError`](super::HError) inside, if there are none.
    fn gethostbyaddr(&self, ip_address: &str) -> io::Result<HostEntry>;

    /// Finds the names of a host and a port; see [`getnameinfo`](super::getnameinfo).
    ///
    /// # Errors
    /// A [`GaiError`] inside, if there are none.
    fn getnameinfo(&self, sockaddr: SocketAddr, flags: i32) -> io::Result<(String, String)>;

    /// Finds the IPv4 address of a host; see [`gethostbyname`](super::gethostbyname). The provided method takes the
    /// first one of `gethostbyname_ex`.
    ///
    /// # Errors
    /// As for `gethostbyname_ex`.
    fn gethostbyname(&self, hostname: &str) -> io::Result<Ipv4Addr> {
        if let Some(special) = native::special_ipv4(hostname) {
            return Ok(special);
        }
        let addresses = self.gethostbyname_ex(hostname)?.ipaddrlist;
        let mut ipv4 = addresses.iter().filter_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        });
        ipv4.next().ok_or_else(|| GaiError::new(EAI_NODATA).into())
    }

    /// Finds the names and IPv4 addresses of a host; see [`gethostbyname_ex`](super::gethostbyname_ex). The provided
    /// method asks `getaddrinfo`, and so knows no aliases.
    ///
    /// # Errors
    /// As for `getaddrinfo`.
    fn gethostbyname_ex(&self, hostname: &str) -> io::Result<HostEntry> {
        let settings = GetAddrInfo {
            family: AF_INET,
            type_: SOCK_STREAM,
            proto: IPPROTO_TCP,
            flags: AI_CANONNAME,
        };
        let found = self.getaddrinfo(Some(hostname), Service::Port(0), settings)?;
        let name = found.first().map(|first| first.canonname.clone());
        Ok(HostEntry {
            hostname: name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| hostname.to_owned()),
            aliaslist: Vec::new(),
            ipaddrlist: found.iter().map(|info| info.sockaddr.ip()).collect(),
        })
    }

    /// Ends what the resolver has: called when its hub ends, as long as it is the hub's. Nothing can wait then.
    fn close(&self) {}
}
