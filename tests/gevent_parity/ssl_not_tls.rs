//! Clients and servers that do not speak TLS: the handshake fails.

use std::io::Write;

use gevent::socket::UnixStream;

use super::common::TestResult;
use super::common_ssl::{attempt, client_context, server_context};

pub(crate) fn main() -> TestResult {
    let cases: [(&str, &[u8]); 3] = [
        ("a request of HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("zeros", &[0; 100]),
        ("an answer of HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ];
    for (what, data) in cases {
        let (mut near, far) = UnixStream::pair()?;
        near.write_all(data)?;
        let wrapped = server_context()?.wrap_socket(far, None);
        attempt(&format!("{what}, for a server"), wrapped.map(|_| "done"));
        let (near, mut far) = UnixStream::pair()?;
        far.write_all(data)?;
        let wrapped = client_context()?.wrap_socket(near, "localhost");
        attempt(&format!("{what}, for a client"), wrapped.map(|_| "done"));
    }
    Ok(())
}
