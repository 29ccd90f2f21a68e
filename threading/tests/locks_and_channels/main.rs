//! `gevent_threading::sync` keeps the contract of `std::sync`: between real threads, between the virtual threads of one
//! carrier, and between virtual threads of two carriers and real threads. [`team`] says who runs a test.

#![cfg(virtual_threads)]

mod channels;
mod condvars;
mod ends;
mod kills;
mod left_behind;
mod liveness;
mod locks;
mod once;
mod stress;
#[path = "../virtual_threads/supported.rs"]
mod supported;
mod table;
mod team;
mod tokens;
mod types;
