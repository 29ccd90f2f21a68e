//! Tests the descriptors of the resolver that asks name servers: it gives all back, and says so if there are none. This
//! is about the whole process, so this program has no other test.

use std::fs::{self, File};
use std::io;
use std::rc::Rc;

use gevent::resolver::{DnsConfig, DnsResolver, HubResolver};
use gevent::socket::{getaddrinfo, gethostbyname};
use gevent::{Exception, get_hub, sleep, spawn};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::Server;

#[path = "dns/server.rs"]
mod server;

fn descriptors() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}

#[test]
fn descriptors_come_back_or_there_are_none() -> Result<(), Exception> {
    let (silent, good) = (Server::with(|_, _| Vec::new()), Server::new());
    let mut config = DnsConfig::default();
    (config.nameservers, config.hosts, config.timeout) = (vec![silent.address], None, 1000.0);
    get_hub().set_resolver(Rc::new(DnsResolver::new(config.clone())));
    sleep(0)?;
    let before = descriptors()?;
    let looking: Vec<_> = (0..50)
        .map(|i| spawn(move || Ok(getaddrinfo(&*format!("n-{i}.example.test"), 80)?)))
        .collect();
    while silent.count() < 50 {
        sleep(0.001)?;
    }
    assert!(descriptors()? >= before + 50);
    for greenlet in looking {
        greenlet.kill()?;
    }
    assert_eq!(descriptors()?, before);
    config.nameservers = vec![good.address];
    let resolver = Rc::new(DnsResolver::new(config));
    get_hub().set_resolver(resolver.clone());
    gethostbyname("big.example.test")?;
    // The server ends the connection in its own time.
    while descriptors()? != before {
        sleep(0.001)?;
    }
    // There are none left: this is no unknown name, and it is not kept.
    let next = std::os::fd::AsRawFd::as_raw_fd(&File::open("/dev/null")?) as u64;
    let old = getrlimit(Resource::Nofile);
    let limit = Rlimit {
        current: Some(next),
        maximum: old.maximum,
    };
    setrlimit(Resource::Nofile, limit).map_err(io::Error::from)?;
    let (name, cached) = ("v4.example.test", resolver.cached());
    let error = gethostbyname(name).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
    let error = getaddrinfo(name, 80).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
    assert_eq!(resolver.cached(), cached);
    setrlimit(Resource::Nofile, old).map_err(io::Error::from)?;
    assert_eq!(gethostbyname(name)?.to_string(), "192.0.2.4");
    Ok(())
}
