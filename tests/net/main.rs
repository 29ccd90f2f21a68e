//! Sockets and servers.

mod server;
mod socket;
mod turns;

#[path = "../support/mod.rs"]
mod support;
