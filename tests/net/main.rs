//! Tests of sockets and servers.

mod differential;
mod ends;
mod families;
mod server;
mod socket;
mod turns;

#[path = "../support/mod.rs"]
mod support;
