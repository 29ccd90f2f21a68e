//! Tests of `hub::core`: the loop and its watchers. The files are named like gevent's tests: `timer.rs` is the
//! counterpart of test__core_timer.py.
//!
//! Tests that switch greenlets are in `contexts`, `greenlets`, `told` and `user_code`; valgrind runs only the others.

mod callback;
mod contexts;
mod greenlets;
mod hooks;
mod libev;
mod loop_;
mod stat;
mod threads;
mod timer;
mod told;
mod user_code;
mod watcher;

#[path = "../core_support/mod.rs"]
mod core_support;
