//! [`GaiError`] and [`HError`]: why a look-up has failed. Source: `gaierror` and `herror` of Python's `socket`.

use std::fmt;
use std::io::{self, ErrorKind};

pub use libc::{
    EAI_AGAIN, EAI_BADFLAGS, EAI_FAIL, EAI_FAMILY, EAI_MEMORY, EAI_NODATA, EAI_NONAME, EAI_OVERFLOW, EAI_SERVICE,
    EAI_SOCKTYPE, EAI_SYSTEM,
};

use super::system;

/// The error of looking up a name or an address: Python's `gaierror`. It is inside an [`io::Error`], whose kind is
/// [`NotFound`](ErrorKind::NotFound) for a name or an address that does not exist, and
/// [`InvalidInput`](ErrorKind::InvalidInput) for arguments that cannot be.
///
/// As in Python, what the system reports as `EAI_SYSTEM` is an [`io::Error`] with the system's number instead.
///
/// ```
/// use gevent::Exception;
/// use gevent::socket::{AF_INET6, EAI_FAMILY, GaiError, GetAddrInfo, getaddrinfo_with};
///
/// let error = getaddrinfo_with("127.0.0.1", 80, GetAddrInfo::default().family(12345)).unwrap_err();
/// let error = Exception::from(error);
/// assert_eq!(error.downcast_ref::<GaiError>().map(|error| error.code), Some(EAI_FAMILY));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GaiError {
    /// One of the numbers whose names begin with `EAI_`.
    pub code: i32,
    /// The address that was to be used, if the look-up was for connecting or listening.
    pub address: Option<String>,
}

impl GaiError {
    /// The error with this number.
    pub fn new(code: i32) -> GaiError {
        GaiError { code, address: None }
    }

    /// The system's text for the number, for example "Name or service not known".
    pub fn text(&self) -> String {
        system::gai_strerror(self.code)
    }
}

/// As Python writes it, or with the address instead of the number.
impl fmt::Display for GaiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => write!(f, "{address}: {}", self.text()),
            None => write!(f, "[Errno {}] {}", self.code, self.text()),
        }
    }
}

impl std::error::Error for GaiError {}

impl From<GaiError> for io::Error {
    fn from(error: GaiError) -> io::Error {
        let kind = match error.code {
            EAI_NONAME | EAI_NODATA | system::EAI_ADDRFAMILY => ErrorKind::NotFound,
            EAI_BADFLAGS | EAI_FAMILY | EAI_OVERFLOW | EAI_SERVICE | EAI_SOCKTYPE => ErrorKind::InvalidInput,
            EAI_MEMORY => ErrorKind::OutOfMemory,
            _ => ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// Adds the address to the error of a look-up. Others stay as they are: those of the system, and exceptions that were
/// thrown into the greenlet.
#[cold]
pub(super) fn with_address(error: io::Error, address: &str) -> io::Error {
    match error.downcast::<GaiError>() {
        Ok(error) => io::Error::from(GaiError {
            address: Some(address.to_owned()),
            ..error
        }),
        Err(other) => other,
    }
}

/// No such host: the code of an [`HError`].
pub const HOST_NOT_FOUND: i32 = 1;
/// No name server has answered, but may later: the code of an [`HError`].
pub const TRY_AGAIN: i32 = 2;
/// A name server has failed for good: the code of an [`HError`].
pub const NO_RECOVERY: i32 = 3;
/// The host has no address of the kind that is wanted: the code of an [`HError`].
pub const NO_DATA: i32 = 4;

/// The error of [`gethostbyaddr`](super::gethostbyaddr) and [`gethostbyname_ex`](super::gethostbyname_ex) when the host
/// that was asked for is not known: Python's `herror`. It is inside an [`io::Error`], whose kind is
/// [`NotFound`](ErrorKind::NotFound) for a host that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HError {
    /// [`HOST_NOT_FOUND`], [`TRY_AGAIN`], [`NO_RECOVERY`] or [`NO_DATA`].
    pub code: i32,
}

impl HError {
    /// The error with this number.
    pub fn new(code: i32) -> HError {
        HError { code }
    }

    /// The text for the number, for example "Unknown host".
    pub fn text(&self) -> &'static str {
        match self.code {
            HOST_NOT_FOUND => "Unknown host",
            TRY_AGAIN => "Host name lookup failure",
            NO_RECOVERY => "Unknown server error",
            NO_DATA => "No address associated with name",
            _ => "Unknown resolver error",
        }
    }
}

/// As Python writes it.
impl fmt::Display for HError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[Errno {}] {}", self.code, self.text())
    }
}

impl std::error::Error for HError {}

impl From<HError> for io::Error {
    fn from(error: HError) -> io::Error {
        let kind = match error.code {
            HOST_NOT_FOUND | NO_DATA => ErrorKind::NotFound,
            _ => ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
