//! Errors: what is thrown arrives, ends whatever a greenlet waits in, and works with everybody's errors.

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
