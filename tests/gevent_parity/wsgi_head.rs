//! Answers to HEAD, of a handler that sends no body then.

use gevent::pywsgi::{Body, ResponseWriter};
use http::{Method, Request};

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    if request.uri().path() == "/none" {
        response.status(404)?;
    }
    response.header("Content-Type", "text/plain")?;
    if request.uri().path() == "/declared" {
        response.header("Content-Length", "5")?;
    }
    match request.method() == Method::HEAD {
        true => Ok(()),
        false => response.send("hello"),
    }
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    for path in ["/declared", "/", "/none"] {
        for version in ["1.1", "1.0"] {
            for method in ["HEAD", "GET"] {
                let request = format!("{method} {path} HTTP/{version}\r\nHost: a\r\n\r\n");
                ask(&server, &format!("{method} {path}, HTTP/{version}"), request)?;
            }
        }
    }
    let both = ["HEAD", "GET"].map(|method| format!("{method} /declared HTTP/1.1\r\nHost: a\r\n\r\n"));
    ask(&server, "both, twice", both.concat().repeat(2))?;
    server.stop()
}
