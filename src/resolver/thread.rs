//! [`ThreadResolver`]: the system's look-ups, in threads. Source: gevent's `resolver/thread.py`.
//!
//! gevent looks names up in the hub's thread pool. Here the look-ups have a pool of their own, so that long tasks of
//! other kinds cannot occupy all its threads.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use hub::hub_to_wait_in;

use super::{AddrInfo, GetAddrInfo, HostEntry, Resolver, Service, native};
use crate::threadpool::{HubExt, apply_io};

/// The resolver that asks the system, in the threads of [`resolver_threadpool`](HubExt::resolver_threadpool): the
/// default. So it knows all that other programs know, and no greenlet stands still meanwhile. A look-up whose greenlet
/// is killed goes on in its thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThreadResolver;

#[track_caller]
fn in_thread<T: Send + 'static>(function: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let hub = hub_to_wait_in()?;
    apply_io(&hub.resolver_threadpool(), function)
}

impl Resolver for ThreadResolver {
    #[track_caller]
    fn getaddrinfo(&self, host: Option<&str>, port: Service<'_>, settings: GetAddrInfo) -> io::Result<Vec<AddrInfo>> {
        if native::getaddrinfo_is_quick(host, port, settings) {
            return native::getaddrinfo(host, port, settings);
        }
        let host = host.map(str::to_owned);
        match port {
            Service::Name(name) => {
                let name = name.to_owned();
                in_thread(move || native::getaddrinfo(host.as_deref(), Service::Name(&name), settings))
            }
            Service::None => in_thread(move || native::getaddrinfo(host.as_deref(), Service::None, settings)),
            Service::Port(port) => {
                in_thread(move || native::getaddrinfo(host.as_deref(), Service::Port(port), settings))
            }
        }
    }

    #[track_caller]
    fn gethostbyname(&self, hostname: &str) -> io::Result<Ipv4Addr> {
        if native::special_ipv4(hostname).is_some() || native::is_numeric(hostname) {
            return native::gethostbyname(hostname);
        }
        let hostname = hostname.to_owned();
        in_thread(move || native::gethostbyname(&hostname))
    }

    #[track_caller]
    fn gethostbyname_ex(&self, hostname: &str) -> io::Result<HostEntry> {
        let hostname = hostname.to_owned();
        in_thread(move || native::gethostbyname_ex(&hostname))
    }

    #[track_caller]
    fn gethostbyaddr(&self, ip_address: &str) -> io::Result<HostEntry> {
        let ip_address = ip_address.to_owned();
        in_thread(move || native::gethostbyaddr(&ip_address))
    }

    #[track_caller]
    fn getnameinfo(&self, sockaddr: SocketAddr, flags: i32) -> io::Result<(String, String)> {
        if native::getnameinfo_is_quick(flags) {
            return native::getnameinfo(sockaddr, flags);
        }
        in_thread(move || native::getnameinfo(sockaddr, flags))
    }
}
