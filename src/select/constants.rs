//! The bits of [`Poll`](super::Poll)'s masks, under their names in Python's `select`. The numbers are the system's.

pub use libc::{POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDBAND, POLLRDNORM, POLLWRBAND, POLLWRNORM};

/// The mask with which gevent registers a descriptor if none is given: it can be read, or written.
pub const POLL_DEFAULT: i16 = POLLIN | POLLOUT;
