//! Sockets and servers.

mod server;
mod socket;
