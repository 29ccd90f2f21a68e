//! Tests with several threads: of objects that they share, and of objects that must stay in one thread.

mod thread_bound;
mod threadpool;
mod threadsafe;
mod threadsafe_hubs;

#[path = "../support/mod.rs"]
mod support;
