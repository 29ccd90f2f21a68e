//! Handlers that fail: the client is told, its connection ends, and the hub has the error.

use std::io::Write;

use gevent::GreenletExit;
use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::{TestResult, ValueError, report_errors};
use super::common_wsgi::{ask, serve};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let path = request.uri().path();
    match path {
        "/" => return response.header("Content-Length", "5")?.send("hello"),
        "/killed" => return Err(GreenletExit::default().into()),
        "/before" => return Err(ValueError("on purpose").into()),
        _ => {}
    }
    response.status(201)?.header("Set-Cookie", "a=b")?;
    if path == "/counted" {
        response.header("Content-Length", "10")?;
    }
    match path {
        "/part" | "/counted" => response.write_all(b"part")?,
        "/complete" => {
            response.write_all(b"all")?;
            response.write_all(b"")?;
        }
        _ => {}
    }
    Err(ValueError("on purpose").into())
}

pub(crate) fn main() -> TestResult {
    report_errors();

    let server = serve(application)?;
    let get = |path: &str, version: &str| format!("GET {path} HTTP/{version}\r\nHost: a\r\n\r\n");
    for path in ["/before", "/after", "/killed"] {
        for version in ["1.1", "1.0"] {
            ask(&server, &format!("{path}, HTTP/{version}"), get(path, version))?;
        }
    }
    for path in ["/part", "/counted", "/complete"] {
        ask(&server, path, get(path, "1.1"))?;
    }
    let (good, bad) = (get("/", "1.1"), get("/before", "1.1"));
    ask(&server, "among others", format!("{good}{bad}{good}"))?;
    let kept_alive = "GET /before HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    ask(&server, "kept alive", format!("{kept_alive}{good}"))?;
    let body = "POST /before HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    ask(&server, "a body is left", format!("{body}{good}"))?;
    server.stop()
}
