//! Tests of sockets and servers.

mod differential;
mod ends;
mod server;
mod socket;
mod turns;

#[path = "../support/mod.rs"]
mod support;
