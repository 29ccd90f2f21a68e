//! Tests of `gevent::ssl` in one process.

mod certificates;
mod contexts;
mod cpython;
mod ends;
mod greenlets;
mod handshakes;
mod pywsgi;
mod servers;
mod ssl;
mod streams;

#[path = "../../support/mod.rs"]
mod support;

use gevent::Exception;

/// The error of type `E` that must be inside.
fn inside<E: std::error::Error + Clone + 'static>(error: impl Into<Exception>) -> E {
    let error = error.into();
    error
        .downcast_ref::<E>()
        .unwrap_or_else(|| panic!("another error: {error:?}"))
        .clone()
}
