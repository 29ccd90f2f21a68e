//! Tests of `gevent::fileobject`.

mod ends;
mod fileobject;
mod random;
mod shared;
mod tty;

#[path = "../support/mod.rs"]
mod support;
