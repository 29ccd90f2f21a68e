//! Bodies that are written: before the head and after, empty parts, large ones, and what is returned besides.

use std::io::Write;

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    match request.uri().path() {
        "/counted" => {
            response.header("Content-Length", "12")?.write_all(b"hello")?;
            return Ok(response.write_all(b" people")?);
        }
        "/large" => {
            response.write_all(&[b'x'; 70000])?;
            response.write_all(b"y")?;
            return response.send([b'z'; 16]);
        }
        "/empty" => return Ok(response.write(b"").map(drop)?),
        _ => {}
    }
    response.write_all(b"hello")?;
    response.write_all(b"")?;
    response.write_all(b" ")?;
    if request.uri().path() == "/more" {
        for part in ["people", "", "!"] {
            response.send(part)?;
        }
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    for path in ["/", "/counted", "/large", "/empty", "/more"] {
        for version in ["1.1", "1.0"] {
            let request = format!("GET {path} HTTP/{version}\r\nHost: a\r\n\r\n");
            ask(&server, &format!("{path}, HTTP/{version}"), request)?;
        }
    }
    server.stop()
}
