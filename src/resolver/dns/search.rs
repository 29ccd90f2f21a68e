//! Names in domains: which full names a name may mean, and the addresses of both families.

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;

use hickory_proto::rr::{Name, RecordType};

use super::client::{Answer, Client, Failure, Found};
use crate::scope;

/// The families whose addresses are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Families {
    pub(super) ipv4: bool,
    pub(super) ipv6: bool,
}

impl Client {
    /// Looks up the addresses of a name that a user has written.
    #[track_caller]
    pub(super) fn addresses(&self, host: &str, families: Families) -> io::Result<Found> {
        let Some(candidates) = self.candidates(host) else {
            return Ok(Err(Failure::NoName));
        };
        let mut failure = Failure::NoName;
        for name in candidates {
            match self.both(&name, families)? {
                Err(Failure::NoName) => {}
                // The name is there, in a domain or without one, but perhaps another one of them has the data.
                Err(Failure::NoData) if failure == Failure::NoName => failure = Failure::NoData,
                Err(Failure::NoData) => {}
                // Perhaps it is only this domain's server.
                Err(Failure::ServerFailed) => failure = Failure::ServerFailed,
                found => return Ok(found),
            }
        }
        Ok(Err(failure))
    }

    /// The full names that a name may mean, in the order in which they are looked up. `None` if it cannot be a name.
    fn candidates(&self, host: &str) -> Option<Vec<Name>> {
        let mut name = Name::from_str_relaxed(host).ok().filter(|name| !name.is_root())?;
        if name.is_fqdn() {
            return Some(vec![name]);
        }
        let domains = self.config.search.iter().filter_map(|domain| {
            let domain = Name::from_str_relaxed(domain).ok()?;
            let mut full = name.clone().append_domain(&domain).ok()?;
            full.set_fqdn(true);
            Some(full)
        });
        let mut candidates: Vec<_> = domains.collect();
        let dots = host.matches('.').count();
        name.set_fqdn(true);
        match dots >= self.config.ndots {
            true => candidates.insert(0, name),
            false => candidates.push(name),
        }
        Some(candidates)
    }

    /// Looks up the addresses of a full name. Both families are asked for at the same time.
    #[track_caller]
    fn both(&self, name: &Name, families: Families) -> io::Result<Found> {
        match families {
            Families { ipv6: false, .. } => self.look_up(name, RecordType::A),
            Families { ipv4: false, .. } => self.look_up(name, RecordType::AAAA),
            _ => {
                let ipv6 = RefCell::new(None);
                let ipv4 = scope(|both| {
                    both.spawn(|| drop(ipv6.replace(Some(self.look_up(name, RecordType::AAAA)))));
                    // If this one is interrupted, the other one ends, too.
                    Ok(self.look_up(name, RecordType::A)?)
                })?;
                match ipv6.take() {
                    Some(ipv6) => Ok(merged(ipv6?, ipv4)),
                    None => Ok(ipv4),
                }
            }
        }
    }
}

/// What is found in one of two families is found.
fn merged(ipv6: Found, ipv4: Found) -> Found {
    match (ipv6, ipv4) {
        (Ok(ipv6), Ok(ipv4)) => Ok(Rc::new(Answer {
            names: ipv6.names.clone(),
            addresses: in_order(&ipv6.addresses, &ipv4.addresses),
            pointers: Vec::new(),
        })),
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        (Err(ipv6), Err(ipv4)) => {
            let rank = |failure| match failure {
                Failure::NoName => 0,
                Failure::NoData => 1,
                Failure::Endless => 2,
                Failure::ServerFailed => 3,
                Failure::TimedOut => 4,
            };
            Err(if rank(ipv6) > rank(ipv4) { ipv6 } else { ipv4 })
        }
    }
}

/// Both kinds of addresses: first those to which the system knows a way, and of these IPv6.
fn in_order(ipv6: &[IpAddr], ipv4: &[IpAddr]) -> Vec<IpAddr> {
    let (first, second) = match reachable(ipv6) || !reachable(ipv4) {
        true => (ipv6, ipv4),
        false => (ipv4, ipv6),
    };
    [first, second].concat()
}

/// Whether the system knows a way to the first address. Nothing is sent.
fn reachable(addresses: &[IpAddr]) -> bool {
    let Some(first) = addresses.first() else {
        return false;
    };
    let address = std::net::SocketAddr::from((*first, 53));
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None);
    socket.and_then(|socket| socket.connect(&address.into())).is_ok()
}
