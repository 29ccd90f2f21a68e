//! The errors of selectors.

use std::os::fd::RawFd;

/// The descriptor is registered already. `KeyError` in gevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is already registered")]
pub struct AlreadyRegistered(pub RawFd);

/// The selector is closed. `RuntimeError` in gevent, or whatever it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the selector is closed")]
pub struct SelectorClosed;
