//! [`HostsFile`]: the names and addresses of `/etc/hosts`. Source: gevent's `resolver/_hostsfile.py`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::SystemTime;

use crate::resolver::HostEntry;

/// The file, which is read again when it has changed. It is local and small: greenlets stand still meanwhile.
pub(super) struct HostsFile {
    path: Option<PathBuf>,
    read: RefCell<Option<(Version, Rc<Hosts>)>>,
}

/// What tells one version of the file from another.
type Version = (Option<SystemTime>, u64);

/// What is in the file.
#[derive(Default)]
pub(super) struct Hosts {
    by_name: HashMap<String, HostEntry>,
    by_address: HashMap<IpAddr, HostEntry>,
}

impl HostsFile {
    pub(super) fn new(path: Option<PathBuf>) -> HostsFile {
        HostsFile {
            path,
            read: RefCell::default(),
        }
    }

    /// What is in the file now. Nothing if it cannot be read.
    pub(super) fn hosts(&self) -> Rc<Hosts> {
        let Some(path) = &self.path else {
            return Rc::default();
        };
        let version = fs::metadata(path).map(|data: Metadata| (data.modified().ok(), data.len()));
        let Ok(version) = version else {
            return Rc::default();
        };
        if let Some((read, hosts)) = &*self.read.borrow()
            && *read == version
        {
            return hosts.clone();
        }
        let text = fs::read(path).unwrap_or_default();
        let hosts = Rc::new(Hosts::parse(&String::from_utf8_lossy(&text)));
        self.read.replace(Some((version, hosts.clone())));
        hosts
    }
}

impl Hosts {
    fn parse(text: &str) -> Hosts {
        let mut hosts = Hosts::default();
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            // As in gevent, addresses with a scope are left out.
            let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else {
                continue;
            };
            let names: Vec<_> = words.map(str::to_owned).collect();
            let Some((hostname, aliases)) = names.split_first() else {
                continue;
            };
            let entry = |ipaddrlist| HostEntry {
                hostname: hostname.clone(),
                aliaslist: aliases.to_vec(),
                ipaddrlist,
            };
            for name in &names {
                let known = hosts.by_name.entry(key(name)).or_insert_with(|| entry(Vec::new()));
                if !known.ipaddrlist.contains(&address) {
                    known.ipaddrlist.push(address);
                }
            }
            hosts.by_address.entry(address).or_insert_with(|| entry(vec![address]));
        }
        hosts
    }

    pub(super) fn by_name(&self, name: &str) -> Option<&HostEntry> {
        self.by_name.get(&key(name))
    }

    pub(super) fn by_address(&self, address: IpAddr) -> Option<&HostEntry> {
        self.by_address.get(&address)
    }
}

/// Names are the same in upper case, and with a dot at their end.
fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_lowercase()
}
