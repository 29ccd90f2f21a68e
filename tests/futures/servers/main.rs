//! Clients that are written for tokio, in a hundred greenlets at once, with the real servers.

mod postgres;
mod redis;
mod reqwest;

#[path = "../futures/actors.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod actors;
#[path = "../../common/mod.rs"]
#[allow(
    dead_code,
    unexpected_cfgs,
    reason = "shared with other tests, of a package that has features"
)]
mod common;
#[path = "../../support/mod.rs"]
mod support;

/// How many greenlets are at it at once.
const GREENLETS: usize = 100;

/// The errors of [`common`], for greenlets.
fn told<T>(result: common::Result<T>) -> Result<T, gevent::Exception> {
    result.map_err(gevent::Exception::from_local)
}
