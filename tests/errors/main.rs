//! Tests of errors: thrown exceptions arrive, end the call in which a greenlet waits, and work with the error types of
//! other crates.

mod anyhow_app;
mod boxed_app;
mod exits;
mod retried;
mod strikes;
mod swallowed;
mod table;
mod thiserror_app;
mod thrown;

#[path = "../support/mod.rs"]
mod support;
