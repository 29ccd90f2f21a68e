//! std's sockets, and those of C code, in virtual threads.

#[path = "../both/mod.rs"]
mod both;

mod accepts;
mod connects;
mod receives;
mod sends;
mod std_sockets;
