//! The bytes of answers whose bodies are whole, to clients of both versions.

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    match request.uri().path() {
        "/" => response.header("Content-Type", "text/plain")?.send("hello world"),
        "/declared" => {
            response.status(201)?.header("Content-Length", "5")?.header("X", "y")?;
            response.send("hello")
        }
        "/none" => response.status(204)?.header("X", "y").map(drop),
        "/unchanged" => response.status(304)?.header("ETag", "\"a\"").map(drop),
        "/empty" => response.reason("Nothing").map(drop),
        _ => response
            .status(404)?
            .header("Content-Type", "text/plain")?
            .send("not found"),
    }
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    for path in ["/", "/declared", "/none", "/unchanged", "/empty", "/other"] {
        ask(
            &server,
            &format!("{path}, HTTP/1.1"),
            format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"),
        )?;
        ask(
            &server,
            &format!("{path}, HTTP/1.0"),
            format!("GET {path} HTTP/1.0\r\n\r\n"),
        )?;
    }
    ask(
        &server,
        "kept alive",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    )?;
    server.stop()
}
