//! Whether a connection goes on: by the version, and by what the client says of it.

use std::io::Write;

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve, statuses};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    if request.uri().path() == "/chunked" {
        response.header("Content-Type", "text/plain")?;
        return Ok(response.write_all(b"hello\r\n")?);
    }
    response.header("Content-Length", "7")?.send("hello\r\n")
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    for (version, paths) in [("1.0", &["/"][..]), ("1.1", &["/", "/chunked"])] {
        for said in [
            "nothing",
            "close",
            "keep-alive",
            "Keep-Alive",
            "CLOSE",
            "upgrade",
            "other",
        ] {
            let headers = match said {
                "nothing" => String::new(),
                said => format!("Connection: {said}\r\n"),
            };
            for path in paths {
                let request = format!("GET {path} HTTP/{version}\r\nHost: a\r\n{headers}\r\n");
                statuses(&server, &format!("HTTP/{version}, {said}, {path}"), &request.repeat(3))?;
            }
        }
    }
    for said in ["keep-alive", "Keep-Alive", "close"] {
        let request = format!("GET / HTTP/1.0\r\nConnection: {said}\r\n\r\n");
        ask(&server, &format!("HTTP/1.0, {said}"), request.repeat(2))?;
    }
    server.stop()
}
