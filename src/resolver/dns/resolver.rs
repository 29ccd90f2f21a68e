//! [`DnsResolver`]: the functions of a resolver, by asking name servers.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::rr::{Name, RecordType};
use libc::{
    AF_INET, AF_INET6, AF_UNSPEC, AI_ADDRCONFIG, AI_ALL, AI_CANONNAME, AI_NUMERICHOST, AI_V4MAPPED, NI_NAMEREQD,
    NI_NOFQDN, NI_NUMERICHOST, NI_NUMERICSERV, SOCK_STREAM,
};

use super::client::{Client, Failure, Found};
use super::config::DnsConfig;
use super::hosts::HostsFile;
use super::search::Families;
use crate::resolver::error::{EAI_AGAIN, EAI_FAIL, EAI_NODATA, EAI_NONAME, HOST_NOT_FOUND, NO_RECOVERY, TRY_AGAIN};
use crate::resolver::{AddrInfo, GaiError, GetAddrInfo, HError, HostEntry, Resolver, Service, ThreadResolver, native};

/// A resolver that asks name servers itself, with sockets for which greenlets wait, so that it needs no threads. It
/// looks into the hosts file first, as the C library usually does, keeps answers for their time, and shares one
/// look-up among the greenlets that want the same.
///
/// It knows only the hosts file and DNS: not what the system is set to ask besides (`/etc/nsswitch.conf`). Names of
/// services, and hosts that are numbers, are the system's.
///
/// ```
/// use std::rc::Rc;
/// use gevent::prelude::*;
/// use gevent::resolver::{DnsConfig, DnsResolver, HubResolver, gethostbyname};
///
/// let mut config = DnsConfig::system();
/// config.timeout = 2.0;
/// get_hub().set_resolver(Rc::new(DnsResolver::new(config)));
/// assert_eq!(gethostbyname("localhost")?.to_string(), "127.0.0.1");
/// # Ok::<(), Exception>(())
/// ```
///
/// Source: gevent's resolvers `ares` and `dnspython`.
pub struct DnsResolver {
    client: Client,
    hosts: HostsFile,
}

impl DnsResolver {
    /// Makes a resolver with these settings.
    pub fn new(config: DnsConfig) -> DnsResolver {
        DnsResolver {
            hosts: HostsFile::new(config.hosts.clone()),
            client: Client::new(config),
        }
    }

    /// The settings.
    pub fn config(&self) -> &DnsConfig {
        &self.client.config
    }

    /// How many answers are kept, those that there is no such name among them.
    pub fn cached(&self) -> usize {
        self.client.cached()
    }

    /// Forgets all answers.
    pub fn clear_cache(&self) {
        self.client.clear();
    }

    /// The names and addresses of a host that is no number.
    #[track_caller]
    fn host(&self, name: &str, families: Families) -> io::Result<Result<HostEntry, Failure>> {
        let wanted = |address: &IpAddr| match address {
            IpAddr::V4(_) => families.ipv4,
            IpAddr::V6(_) => families.ipv6,
        };
        let hosts = self.hosts.hosts();
        if let Some(entry) = hosts.by_name(name) {
            let mut entry = entry.clone();
            entry.ipaddrlist.retain(wanted);
            if !entry.ipaddrlist.is_empty() {
                return Ok(Ok(entry));
            }
        }
        // No server is to be asked for this one.
        if Name::from_str_relaxed(name).is_ok_and(|name| name.is_localhost()) {
            let all = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
            return Ok(Ok(HostEntry {
                hostname: name.to_owned(),
                aliaslist: Vec::new(),
                ipaddrlist: all.into_iter().filter(wanted).collect(),
            }));
        }
        Ok(self.client.addresses(name, families)?.map(|answer| {
            let mut names: Vec<_> = answer.names.iter().map(text).collect();
            HostEntry {
                hostname: names.pop().unwrap_or_default(),
                aliaslist: names,
                ipaddrlist: answer.addresses.clone(),
            }
        }))
    }

    /// The names of an address.
    #[track_caller]
    fn names(&self, address: IpAddr) -> io::Result<Result<HostEntry, Failure>> {
        if let Some(entry) = self.hosts.hosts().by_address(address) {
            return Ok(Ok(entry.clone()));
        }
        let mut name = Name::from(address);
        name.set_fqdn(true);
        let found: Found = self.client.look_up(&name, RecordType::PTR)?;
        Ok(found.map(|answer| {
            let mut names = answer.pointers.iter().map(text);
            HostEntry {
                hostname: names.next().unwrap_or_default(),
                aliaslist: names.collect(),
                ipaddrlist: vec![address],
            }
        }))
    }

    /// The host of [`getaddrinfo`](Resolver::getaddrinfo), as the settings want it.
    #[track_caller]
    fn wanted_host(&self, name: &str, settings: GetAddrInfo) -> io::Result<Result<HostEntry, Failure>> {
        let mut families = Families {
            ipv4: settings.family != AF_INET6,
            ipv6: settings.family != AF_INET,
        };
        if settings.flags & AI_ADDRCONFIG != 0 {
            let here = families_here()?;
            families.ipv4 &= here.ipv4;
            families.ipv6 &= here.ipv6;
        }
        if !families.ipv4 && !families.ipv6 {
            return Ok(Err(Failure::NoName));
        }
        let found = self.host(name, families)?;
        let mapped = settings.family == AF_INET6 && settings.flags & AI_V4MAPPED != 0;
        if !mapped || (found.is_ok() && settings.flags & AI_ALL == 0) {
            return Ok(found);
        }
        let ipv4 = Families {
            ipv4: true,
            ipv6: false,
        };
        Ok(match (found, self.host(name, ipv4)?) {
            (found, Err(_)) => found,
            (found, Ok(mut entry)) => {
                let ipv6 = found.map_or(Vec::new(), |found| found.ipaddrlist);
                let mapped = entry.ipaddrlist.iter().map(|address| match address {
                    IpAddr::V4(address) => address.to_ipv6_mapped().into(),
                    ipv6 => *ipv6,
                });
                entry.ipaddrlist = ipv6.into_iter().chain(mapped).collect();
                Ok(entry)
            }
        })
    }
}

/// The families of which this machine has addresses.
fn families_here() -> io::Result<Families> {
    let settings = GetAddrInfo::default().type_(SOCK_STREAM).flags(AI_ADDRCONFIG);
    let found = native::getaddrinfo(None, Service::Port(0), settings)?;
    Ok(Families {
        ipv4: found.iter().any(|info| info.family == AF_INET),
        ipv6: found.iter().any(|info| info.family == AF_INET6),
    })
}

impl Resolver for DnsResolver {
    #[track_caller]
    fn getaddrinfo(&self, host: Option<&str>, port: Service<'_>, settings: GetAddrInfo) -> io::Result<Vec<AddrInfo>> {
        let name = match host {
            Some(name) if !native::getaddrinfo_is_quick(host, Service::None, settings) => name,
            _ => return ThreadResolver.getaddrinfo(host, port, settings),
        };
        // An address has the types, protocols and ports of any other one; and bad settings are refused before servers
        // are asked.
        let example = match settings.family {
            AF_INET6 => "::1",
            _ => "127.0.0.1",
        };
        let mut numeric = settings;
        numeric.flags = settings.flags & !(AI_ADDRCONFIG | AI_CANONNAME) | AI_NUMERICHOST;
        let forms = ThreadResolver.getaddrinfo(Some(example), port, numeric)?;
        let entry = self.wanted_host(name, settings)?.map_err(gai_error)?;
        let addresses = entry.ipaddrlist.iter();
        let all = addresses.flat_map(|ip| forms.iter().map(|form| (*ip, form.clone())));
        let mut found: Vec<_> = all
            .map(|(ip, form)| AddrInfo {
                family: if ip.is_ipv4() { AF_INET } else { AF_INET6 },
                sockaddr: (ip, form.sockaddr.port()).into(),
                ..form
            })
            .collect();
        if settings.flags & AI_CANONNAME != 0 {
            found[0].canonname = entry.hostname;
        }
        Ok(found)
    }

    #[track_caller]
    fn gethostbyname_ex(&self, hostname: &str) -> io::Result<HostEntry> {
        let special = ["", "<broadcast>"].contains(&hostname) || native::is_numeric(hostname);
        if special {
            return ThreadResolver.gethostbyname_ex(hostname);
        }
        let ipv4 = Families {
            ipv4: true,
            ipv6: false,
        };
        self.host(hostname, ipv4)?.map_err(gai_error)
    }

    #[track_caller]
    fn gethostbyaddr(&self, ip_address: &str) -> io::Result<HostEntry> {
        let address = match native::numeric_address(ip_address) {
            Some(address) => address,
            None => {
                let stream = GetAddrInfo::default().family(AF_UNSPEC).type_(SOCK_STREAM);
                self.getaddrinfo(Some(ip_address), Service::None, stream)?[0]
                    .sockaddr
                    .ip()
            }
        };
        let found = self.names(address)?;
        found.map_err(|failure| {
            let code = match failure {
                Failure::NoName | Failure::NoData => HOST_NOT_FOUND,
                Failure::ServerFailed | Failure::TimedOut => TRY_AGAIN,
                Failure::Endless => NO_RECOVERY,
            };
            HError::new(code).into()
        })
    }

    #[track_caller]
    fn getnameinfo(&self, sockaddr: SocketAddr, flags: i32) -> io::Result<(String, String)> {
        // The number of the host, and the name of the service.
        let service = flags & !NI_NAMEREQD | NI_NUMERICHOST;
        let (number, port) = ThreadResolver.getnameinfo(sockaddr, service)?;
        if flags & NI_NUMERICHOST != 0 {
            return match flags & NI_NAMEREQD {
                0 => Ok((number, port)),
                _ => ThreadResolver.getnameinfo(sockaddr, flags | NI_NUMERICSERV),
            };
        }
        let host = match self.names(sockaddr.ip())? {
            Ok(entry) => self.shortened(entry.hostname, flags),
            Err(Failure::NoName | Failure::NoData) if flags & NI_NAMEREQD == 0 => number,
            Err(Failure::NoName | Failure::NoData) => return Err(GaiError::new(EAI_NONAME).into()),
            Err(other) => return Err(gai_error(other)),
        };
        Ok((host, port))
    }
}

impl DnsResolver {
    /// Without the domain, if it is this machine's own and the flags want it so.
    fn shortened(&self, name: String, flags: i32) -> String {
        let domain = self.client.config.search.first().filter(|_| flags & NI_NOFQDN != 0);
        let short = domain.and_then(|domain| name.strip_suffix(domain.as_str())?.strip_suffix('.'));
        short.map_or_else(|| name.clone(), str::to_owned)
    }
}

fn gai_error(failure: Failure) -> io::Error {
    let code = match failure {
        Failure::NoName => EAI_NONAME,
        Failure::NoData => EAI_NODATA,
        Failure::ServerFailed | Failure::TimedOut => EAI_AGAIN,
        Failure::Endless => EAI_FAIL,
    };
    GaiError::new(code).into()
}

/// A name without the dot at its end.
fn text(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').map_or_else(|| text.clone(), str::to_owned)
}

impl fmt::Debug for DnsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("DnsResolver");
        debug.field("nameservers", &self.client.config.nameservers);
        debug.field("cached", &self.cached()).finish_non_exhaustive()
    }
}
