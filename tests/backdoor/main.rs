//! Tests of `gevent::backdoor`: those after gevent's test__backdoor, what the commands print, and bad clients.

mod abuse;
mod client;
mod commands;
mod ported;
mod who;

#[path = "../support/mod.rs"]
mod support;
