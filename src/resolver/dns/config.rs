//! [`DnsConfig`]: which servers are asked, and how.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use libc::AI_NUMERICHOST;

use crate::resolver::{GetAddrInfo, Service, gethostname, native};

/// Settings of a [`DnsResolver`](super::DnsResolver): those of `/etc/resolv.conf`, and some more.
///
/// ```
/// use gevent::resolver::DnsConfig;
///
/// let config = DnsConfig::parse("nameserver 192.0.2.1\nsearch example.com\noptions timeout:2 rotate");
/// assert_eq!(config.nameservers, ["192.0.2.1:53".parse()?]);
/// assert_eq!((config.timeout, config.rotate), (2.0, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DnsConfig {
    /// The servers, in the order in which they are asked.
    pub nameservers: Vec<SocketAddr>,
    /// The domains in which names are searched.
    pub search: Vec<String>,
    /// How many dots a name has that is looked up as it is before it is searched in the domains.
    pub ndots: usize,
    /// How many seconds a server has for its answer.
    pub timeout: f64,
    /// How many times all servers are asked.
    pub attempts: usize,
    /// Whether each look-up begins with another server.
    pub rotate: bool,
    /// Whether servers are asked by TCP at once, and not only if an answer does not fit into a datagram.
    pub use_tcp: bool,
    /// The hosts file, whose names are not asked for.
    pub hosts: Option<PathBuf>,
    /// How many answers are kept.
    pub cache_size: usize,
    /// How many seconds an answer is kept at most.
    pub max_ttl: u32,
    /// How many questions may be under way at a time, each with a socket. Others wait.
    pub max_queries: usize,
}

impl Default for DnsConfig {
    /// The settings of an empty `resolv.conf`: the server of this machine.
    fn default() -> Self {
        DnsConfig {
            nameservers: vec![(Ipv4Addr::LOCALHOST, PORT).into()],
            search: Vec::new(),
            ndots: 1,
            timeout: 5.0,
            attempts: 2,
            rotate: false,
            use_tcp: false,
            hosts: Some("/etc/hosts".into()),
            cache_size: 1000,
            max_ttl: 24 * 60 * 60,
            max_queries: 100,
        }
    }
}

const PORT: u16 = 53;

impl DnsConfig {
    /// The settings of this machine, with those of the environment: `LOCALDOMAIN` and `RES_OPTIONS`, as the C library
    /// takes them, and gevent's `GEVENT_RESOLVER_NAMESERVERS` (addresses with commas between them) and
    /// `GEVENT_RESOLVER_TIMEOUT`. Where there is no `/etc/resolv.conf`, the default.
    pub fn system() -> DnsConfig {
        let text = fs::read("/etc/resolv.conf").unwrap_or_default();
        let mut config = DnsConfig::parse(&String::from_utf8_lossy(&text));
        let variable = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
        match variable("LOCALDOMAIN") {
            Some(domains) => config.search = words(&domains),
            None if config.search.is_empty() => config.search.extend(own_domain()),
            None => {}
        }
        if let Some(options) = variable("RES_OPTIONS") {
            options.split_whitespace().for_each(|option| config.option(option));
        }
        if let Some(servers) = variable("GEVENT_RESOLVER_NAMESERVERS") {
            config.nameservers = servers.split(',').filter_map(server).collect();
        }
        if let Some(Ok(seconds)) = variable("GEVENT_RESOLVER_TIMEOUT").map(|seconds| seconds.trim().parse::<f64>())
            && seconds > 0.0
        {
            config.timeout = seconds;
        }
        config
    }

    /// Reads the text of a `resolv.conf`. A server may have a port, as in `127.0.0.1:5353`. What is not known there is
    /// left out, as the C library does.
    pub fn parse(text: &str) -> DnsConfig {
        let mut config = DnsConfig::default();
        let mut servers = Vec::new();
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let Some((keyword, rest)) = line.trim().split_once(char::is_whitespace) else {
                continue;
            };
            match keyword {
                "nameserver" => servers.extend(server(rest)),
                "search" => config.search = words(rest),
                "domain" => config.search = words(rest).into_iter().take(1).collect(),
                "options" => rest.split_whitespace().for_each(|option| config.option(option)),
                _ => {}
            }
        }
        if !servers.is_empty() {
            config.nameservers = servers;
        }
        config
    }

    /// Takes one of the `options` of a `resolv.conf`. The C library has the same limits.
    fn option(&mut self, option: &str) {
        let (name, value) = option.split_once(':').unwrap_or((option, ""));
        let number = value.parse::<u32>().ok();
        match (name, number) {
            ("ndots", Some(ndots)) => self.ndots = ndots.min(15) as usize,
            ("timeout", Some(seconds)) => self.timeout = f64::from(seconds.clamp(1, 30)),
            ("attempts", Some(attempts)) => self.attempts = attempts.clamp(1, 5) as usize,
            ("rotate", _) => self.rotate = true,
            ("use-vc", _) => self.use_tcp = true,
            _ => {}
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A server: an address, perhaps with a scope, or with a port.
fn server(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let numeric = GetAddrInfo::default().type_(libc::SOCK_DGRAM).flags(AI_NUMERICHOST);
    let found = native::getaddrinfo(Some(text), Service::Port(PORT.into()), numeric).ok()?;
    found.first().map(|first| first.sockaddr)
}

/// The domain of this machine's name.
fn own_domain() -> Option<String> {
    let name = gethostname().ok()?;
    let (_, domain) = name.split_once('.')?;
    Some(domain.to_owned()).filter(|domain| !domain.is_empty())
}
