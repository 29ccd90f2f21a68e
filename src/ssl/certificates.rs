//! Certificates in their two formats, and the certificate of a server.

use std::io;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::context::{Protocol, SSLContext, VerifyMode};
use crate::socket::TcpStream;

/// A certificate in the PEM format, from one in the DER format.
///
/// Source: Python's function of this name.
#[allow(non_snake_case, reason = "Python's name")]
pub fn DER_cert_to_PEM_cert(der: &[u8]) -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in der.chunks(LINE) {
        line.chunks(3).for_each(|group| push_base64(group, &mut pem));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// How many bytes there are in a line of 64 characters.
const LINE: usize = 48;

/// Writes up to three bytes as four characters.
fn push_base64(group: &[u8], text: &mut String) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = (0..3).fold(0, |bits, i| bits << 8 | usize::from(*group.get(i).unwrap_or(&0)));
    for i in 0..4 {
        let digit = DIGITS[bits >> (18 - 6 * i) & 63];
        text.push(if i <= group.len() { char::from(digit) } else { '=' });
    }
}

/// The first certificate of a text in the PEM format, in the DER format.
///
/// ```
/// use gevent::ssl::{DER_cert_to_PEM_cert, PEM_cert_to_DER_cert};
///
/// let pem = std::fs::read_to_string("tests/tls/localhost.crt")?;
/// assert_eq!(DER_cert_to_PEM_cert(&PEM_cert_to_DER_cert(&pem)?), pem);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: Python's function of this name.
///
/// # Errors
/// Fails with [`io::ErrorKind::InvalidData`] if there is none.
#[allow(non_snake_case, reason = "Python's name")]
pub fn PEM_cert_to_DER_cert(pem: &str) -> io::Result<Vec<u8>> {
    match CertificateDer::from_pem_slice(pem.as_bytes()) {
        Ok(certificate) => Ok(certificate.to_vec()),
        Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}

/// The certificate that a server shows, in the PEM format. It is not checked in any way. The server is told the host,
/// as it may have several certificates.
///
/// Source: gevent's function of this name. A certificate that is to be checked is that of a connection,
/// [`getpeercert`](super::SslStream::getpeercert).
///
/// # Errors
/// Fails as [`TcpStream::connect`] and [`SSLContext::wrap_socket`] do.
#[track_caller]
pub fn get_server_certificate((host, port): (&str, u16)) -> io::Result<String> {
    let mut context = SSLContext::new(Protocol::TlsClient);
    context.set_verify_mode(VerifyMode::CertNone);
    let stream = context.wrap_socket(TcpStream::connect((host, port))?, host)?;
    // Both versions of TLS require one of the server.
    let certificate = stream.getpeercert().ok_or(io::ErrorKind::InvalidData)?;
    Ok(DER_cert_to_PEM_cert(&certificate))
}
