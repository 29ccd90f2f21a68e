//! What can go wrong in a TLS connection: Python's exceptions of these names, each inside an [`io::Error`].

use std::io;

use rustls::{CertificateError, Error};

use super::verify::SelfSigned;

/// TLS has failed: the other side does not follow the protocol, there is nothing that both sides support, or the other
/// side has sent an alert. The `source` tells which.
///
/// It is inside an [`io::Error`] of the kind [`InvalidData`](io::ErrorKind::InvalidData). The connection is of no use
/// any more: all further calls fail with the same error.
///
/// Source: Python's `ssl.SSLError`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("TLS failed: {source}")]
#[non_exhaustive]
pub struct SSLError {
    /// What has failed.
    pub source: Error,
}

/// The certificate of the other side was not accepted.
///
/// It is inside an [`io::Error`] of the kind [`InvalidData`](io::ErrorKind::InvalidData). The connection is of no use
/// any more: all further calls fail with the same error.
///
/// | `verify_code` | `verify_message` |
/// |---|---|
/// | 7 | certificate signature failure |
/// | 9 | certificate is not yet valid |
/// | 10 | certificate has expired |
/// | 18 | self-signed certificate |
/// | 19 | self-signed certificate in certificate chain |
/// | 20 | unable to get local issuer certificate |
/// | 23 | certificate revoked |
/// | 26 | unsuitable certificate purpose |
/// | 34 | unhandled critical extension |
/// | 62 | hostname mismatch |
/// | 1 | unspecified certificate verification error |
///
/// Numbers and messages are OpenSSL's. If several things are wrong with a certificate, OpenSSL may find another one
/// first.
///
/// Source: Python's `ssl.SSLCertVerificationError`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("certificate verify failed: {verify_message} ({source})")]
#[non_exhaustive]
pub struct SSLCertVerificationError {
    /// The number of the reason.
    pub verify_code: i32,
    /// The reason.
    pub verify_message: &'static str,
    /// The error of the crate [`rustls`], which may tell more.
    pub source: Error,
}

/// The connection has ended without TLS's own mark of the end, `close_notify`: somebody on the way may have cut it off.
///
/// It is inside an [`io::Error`] of the kind [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
///
/// Source: Python's `ssl.SSLEOFError`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("EOF occurred in violation of protocol")]
#[non_exhaustive]
pub struct SSLEOFError;

/// An error after which a connection is of no use.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    Certificate(SSLCertVerificationError),
    Other(SSLError),
}

impl Failure {
    /// Takes over an error that rustls has just returned in this thread.
    #[cold]
    pub(super) fn of(source: Error) -> Failure {
        let self_signed = SelfSigned::take();
        match &source {
            Error::InvalidCertificate(error) => {
                let (verify_code, verify_message) = reason(error, self_signed);
                Failure::Certificate(SSLCertVerificationError {
                    verify_code,
                    verify_message,
                    source,
                })
            }
            _ => Failure::Other(SSLError { source }),
        }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> io::Error {
        match failure {
            Failure::Certificate(error) => io::Error::new(io::ErrorKind::InvalidData, error),
            Failure::Other(error) => io::Error::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// The error of a config or of a certificate of our own.
#[cold]
pub(super) fn of_rustls(source: Error) -> io::Error {
    Failure::Other(SSLError { source }).into()
}

/// The error of an end that is none of TLS.
#[cold]
pub(super) fn ragged_eof() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, SSLEOFError)
}

fn reason(error: &CertificateError, self_signed: Option<SelfSigned>) -> (i32, &'static str) {
    use CertificateError::*;
    match error {
        BadSignature => (7, "certificate signature failure"),
        NotValidYet | NotValidYetContext { .. } => (9, "certificate is not yet valid"),
        Expired | ExpiredContext { .. } => (10, "certificate has expired"),
        UnknownIssuer => match self_signed {
            Some(SelfSigned::Leaf) => (18, "self-signed certificate"),
            Some(SelfSigned::InChain) => (19, "self-signed certificate in certificate chain"),
            None => (20, "unable to get local issuer certificate"),
        },
        Revoked => (23, "certificate revoked"),
        InvalidPurpose | InvalidPurposeContext { .. } => (26, "unsuitable certificate purpose"),
        UnhandledCriticalExtension => (34, "unhandled critical extension"),
        NotValidForName | NotValidForNameContext { .. } => (62, "hostname mismatch"),
        _ => (1, "unspecified certificate verification error"),
    }
}
