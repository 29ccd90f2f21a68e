//! Tests of the HTTP server: gevent's test__pywsgi, what is refused, deadlines and ends, and real clients.

mod bodies;
mod chunked;
mod client;
mod common;
mod errors;
mod faults;
mod fuzz;
mod heads;
mod lasting;
mod server_pywsgi;
mod streams;

#[path = "../support/mod.rs"]
mod support;
