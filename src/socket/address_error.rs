//! [`AddressError`]: an error of `connect` or `bind`, with the address.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use hub::TimedOut;

/// The error of connecting to an address, or of listening at it.
///
/// It is inside the [`io::Error`] of [`TcpStream::connect`](super::TcpStream::connect),
/// [`TcpListener::bind`](super::TcpListener::bind) and all that uses them, whose text is this one's, and whose kind is
/// that of the system's error. The system's number is the `source`'s, as [`io::Error::raw_os_error`] has none for
/// errors with a text:
///
/// ```
/// use gevent::{Exception, socket::{AddressError, TcpListener}};
///
/// let taken = TcpListener::bind("127.0.0.1:0")?;
/// let address = taken.local_addr()?;
/// let error = TcpListener::bind(address).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
/// let error = Exception::from(error);
/// let inside = error.downcast_ref::<AddressError>().expect("the address is taken");
/// assert_eq!(inside.address, address);
/// assert!(inside.source.raw_os_error().is_some());
/// # Ok::<(), Exception>(())
/// ```
///
/// Errors that are not about the address, for example that no descriptors are left, have no `AddressError` inside.
#[derive(Debug)]
#[non_exhaustive]
pub struct AddressError {
    /// The address that was tried.
    pub address: SocketAddr,
    /// The system's error, or [`TimedOut`] if it took too long.
    pub source: io::Error,
    doing: &'static str,
}

impl AddressError {
    /// Adds the address to an error of the system or a time that is over. Other errors, for example an exception that
    /// was thrown into the greenlet, stay as they are.
    #[cold]
    pub(super) fn with(doing: &'static str, address: SocketAddr, source: io::Error) -> io::Error {
        let timed_out = source.get_ref().is_some_and(|error| error.is::<TimedOut>());
        if source.raw_os_error().is_none() && !timed_out {
            return source;
        }
        let error = AddressError { address, source, doing };
        io::Error::new(error.source.kind(), error)
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AddressError { address, source, doing } = self;
        write!(f, "cannot {doing} {address}: {source}")
    }
}

impl std::error::Error for AddressError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
