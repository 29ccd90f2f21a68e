//! Sockets and servers.

mod server;
mod socket;

#[path = "../support/mod.rs"]
mod support;
