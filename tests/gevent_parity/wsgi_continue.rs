//! Clients that ask for permission to send a body.

use std::io::Read;

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    if request.uri().path() == "/refused" {
        return response.status(417)?.header("Content-Length", "7")?.send("failure");
    }
    let mut text = String::new();
    request.body_mut().take(1).read_to_string(&mut text)?;
    request.body_mut().read_to_string(&mut text)?;
    response.header("Content-Length", text.len().to_string())?.send(text)
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    let head = "HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nExpect: 100-continue";
    let request = |path: &str| format!("PUT {path} {head}\r\n\r\ntesting");
    for path in ["/", "/refused"] {
        ask(&server, path, request(path))?;
        ask(&server, &format!("{path}, twice"), request(path).repeat(2))?;
    }
    server.stop()
}
