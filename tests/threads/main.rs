//! Several threads: what they share, and what must stay in one of them.

mod thread_bound;
mod threadpool;
mod threadsafe;
mod threadsafe_hubs;

#[path = "../support/mod.rs"]
mod support;
