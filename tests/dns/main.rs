//! Tests of the resolver that asks name servers: what it finds, whom it asks how often, and what it believes. The
//! servers are ours, on the loopback.

mod answers;
mod caching;
mod example;
mod lies;
mod server;
mod waiting;

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod common;

#[path = "../support/mod.rs"]
mod support;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use gevent::resolver::{DnsConfig, DnsResolver, HubResolver};
use gevent::socket::GaiError;
use gevent::{Exception, get_hub};

use server::Server;

/// Settings with these servers, and without a hosts file.
fn config(servers: &[SocketAddr]) -> DnsConfig {
    let mut config = DnsConfig::default();
    config.nameservers = servers.to_vec();
    config.hosts = None;
    config
}

/// Has the hub of this thread ask the servers.
fn use_config(config: DnsConfig) -> Rc<DnsResolver> {
    let resolver = Rc::new(DnsResolver::new(config));
    get_hub().set_resolver(resolver.clone());
    resolver
}

/// Has the hub of this thread ask this server.
fn ask(server: &Server) -> Rc<DnsResolver> {
    use_config(config(&[server.address]))
}

/// The number of an error that must be one of a look-up.
fn code<T: std::fmt::Debug>(found: io::Result<T>) -> i32 {
    let error = Exception::from(found.expect_err("it must not be found"));
    error
        .downcast_ref::<GaiError>()
        .unwrap_or_else(|| panic!("{error:?}"))
        .code
}
