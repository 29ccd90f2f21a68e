//! Tests of sockets and servers.

mod differential;
mod emptied;
mod ends;
mod families;
mod python_calls;
mod python_differential;
mod python_socket;
mod server;
mod socket;
mod turns;

#[path = "../support/mod.rs"]
mod support;
