//! Tests of `gevent::fileobject`.

mod ends;
mod fileobject;
mod random;

#[path = "../support/mod.rs"]
mod support;
