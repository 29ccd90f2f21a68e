//! [`SendAllError`]: the error of `sendall`, with the number of bytes that were sent.

use std::fmt;
use std::io;

use crate::socket::raw::ends_all;

/// The error of [`Socket::sendall`](super::Socket::sendall) and [`sendfile`](super::Socket::sendfile), which tells how
/// much was sent before.
///
/// It is inside the [`io::Error`], whose kind is that of the system's error. The system's number is the `source`'s.
///
/// ```
/// use gevent::Exception;
/// use gevent::socket::{SendAllError, socketpair};
///
/// let (near, _far) = socketpair()?;
/// near.settimeout(0.001)?;
/// let error = Exception::from(near.sendall(&[0; 10_000_000]).unwrap_err());
/// let inside = error.downcast_ref::<SendAllError>().expect("nobody reads");
/// assert!(inside.sent > 0);
/// # Ok::<(), Exception>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct SendAllError {
    /// How many bytes the system has taken.
    pub sent: u64,
    /// The system's error, or [`TimedOut`](crate::exceptions::TimedOut) if it took too long.
    pub source: io::Error,
}

impl SendAllError {
    /// Adds the number to an error. An exception that was thrown into the greenlet stays as it is.
    #[cold]
    pub(super) fn with(sent: u64, source: io::Error) -> io::Error {
        if ends_all(&source) {
            return source;
        }
        io::Error::new(source.kind(), SendAllError { sent, source })
    }
}

impl fmt::Display for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot send more than {} bytes: {}", self.sent, self.source)
    }
}

impl std::error::Error for SendAllError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
