//! [`Fault`]: a request that is not served.

use std::error::Error;
use std::fmt;
use std::io;

use http::StatusCode;

/// The reason for which a request is refused, or the reading of its body has failed. An error of a
/// [`Body`](super::Body) has it inside:
///
/// ```
/// use std::io::Read;
/// use gevent::pywsgi::{Fault, WSGIServer};
///
/// let server = WSGIServer::new("127.0.0.1:0", |request, response| {
///     let mut text = String::new();
///     match request.body_mut().read_to_string(&mut text) {
///         Err(error) if Fault::of(&error) == Some(Fault::TooLarge) => response.status(413)?.send("too much"),
///         read => response.send(format!("{} bytes", read?)),
///     }
/// });
/// # drop(server);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// It is not HTTP, or could be understood in two ways. The text says what is wrong. Status 400.
    Malformed(&'static str),
    /// The request line is too long. Status 414.
    LineTooLong,
    /// The head is too large, or has too many headers. Status 431.
    HeadTooLarge,
    /// The body is too large. Status 413.
    TooLarge,
    /// The client took too long. Status 408.
    TooLate,
    /// The client has ended the connection within the body. Status 400.
    Ended,
    /// The body has a coding other than `chunked`. Status 501.
    UnknownCoding,
    /// The client expects something other than `100-continue`. Status 417.
    UnknownExpectation,
}

impl Fault {
    /// The fault that an error of a body has inside, if any.
    pub fn of(error: &io::Error) -> Option<Fault> {
        error.get_ref()?.downcast_ref().copied()
    }

    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Fault::Malformed(_) | Fault::Ended => StatusCode::BAD_REQUEST,
            Fault::LineTooLong => StatusCode::URI_TOO_LONG,
            Fault::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Fault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Fault::TooLate => StatusCode::REQUEST_TIMEOUT,
            Fault::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
            Fault::UnknownExpectation => StatusCode::EXPECTATION_FAILED,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Malformed(what) => what,
            Fault::LineTooLong => "the request line is too long",
            Fault::HeadTooLarge => "the head is too large",
            Fault::TooLarge => "the body is too large",
            Fault::TooLate => "the client took too long",
            Fault::Ended => "unexpected end of the body",
            Fault::UnknownCoding => "unknown transfer coding",
            Fault::UnknownExpectation => "unknown expectation",
        })
    }
}

impl Error for Fault {}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        let kind = match fault {
            Fault::Ended => io::ErrorKind::UnexpectedEof,
            Fault::TooLate => io::ErrorKind::TimedOut,
            Fault::TooLarge => io::ErrorKind::FileTooLarge,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, fault)
    }
}
