//! Errors: what is thrown arrives, and works with everybody's errors.

mod anyhow_app;
mod boxed_app;
mod exits;
mod thiserror_app;

#[path = "../support/mod.rs"]
mod support;
