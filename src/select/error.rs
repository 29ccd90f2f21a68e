//! [`NotRegistered`].

use std::os::fd::RawFd;

/// The descriptor is not registered in a poll or selector object. `KeyError` in gevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not registered")]
pub struct NotRegistered(pub RawFd);
