//! std's sockets, and those of C code, in virtual threads.

#[path = "../team/mod.rs"]
mod team;

mod accepts;
mod connects;
mod receives;
mod sends;
mod std_sockets;
