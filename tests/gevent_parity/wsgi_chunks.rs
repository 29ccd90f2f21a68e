//! The bytes of answers whose bodies come in parts.

use std::io::Write;

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let declared = request.uri().path() == "/declared";
    match declared {
        true => response.header("Content-Length", "12")?,
        false => response.header("Content-Type", "text/plain")?,
    };
    if request.uri().path() == "/nothing" {
        return Ok(response.write(b"").map(drop)?);
    }
    response.write_all(b"hello")?;
    response.write_all(b"")?;
    response.write_all(b" ")?;
    Ok(response.write_all(if declared { b"people" } else { &[b'x'; 20] })?)
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    for path in ["/", "/declared", "/nothing"] {
        for version in ["1.1", "1.0"] {
            let request = format!("GET {path} HTTP/{version}\r\nHost: a\r\n\r\n");
            ask(&server, &format!("{path}, HTTP/{version}"), &request)?;
        }
    }
    server.stop()
}
