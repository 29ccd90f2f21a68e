//! [`DnsResolver`]: a client of name servers, on greenlets. Source: what gevent's `resolver/ares.py` and
//! `resolver/dnspython.py` do with libraries.
//!
//! | file | what |
//! |---|---|
//! | `config.rs` | [`DnsConfig`], the settings of `/etc/resolv.conf` |
//! | `hosts.rs` | the hosts file |
//! | `message.rs` | a question, and what counts as its answer |
//! | `exchange.rs` | one question to one server, by UDP or TCP |
//! | `client.rs` | servers that are tried one after another, names that stand for names, and who shares an answer |
//! | `cache.rs` | answers that are kept for their time |
//! | `search.rs` | the domains in which a name is searched, and both families of addresses |
//! | `resolver.rs` | the [`Resolver`](super::Resolver) |
//!
//! The crate `hickory-proto` reads and writes messages, and only `message.rs` and names know it.

mod cache;
mod client;
mod config;
mod exchange;
mod hosts;
mod message;
mod resolver;
mod search;

pub use config::DnsConfig;
pub use resolver::DnsResolver;
