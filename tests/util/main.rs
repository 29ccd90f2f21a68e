//! Tests of `gevent::util`, most of them after gevent's test__util.

mod format;
mod switches;
mod tree;

#[path = "../support/mod.rs"]
mod support;
