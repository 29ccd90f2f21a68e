//! Requests that come in one piece are answered in their order, up to one that is the last.

use std::io::Read;

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let mut read = String::new();
    request.body_mut().read_to_string(&mut read)?;
    response.header("Content-Type", "text/plain")?;
    response.send(format!("{} {} {read}\r\n", request.method(), request.uri().path()))
}

fn request(path: &str, version: &str, headers: &str, body: &str) -> String {
    let (method, length) = match body.len() {
        0 => ("GET", String::new()),
        length => ("POST", format!("Content-Length: {length}\r\n")),
    };
    format!("{method} {path} HTTP/{version}\r\nHost: a\r\n{headers}{length}\r\n{body}")
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    let get = |path| request(path, "1.1", "", "");
    let post = |path, body| request(path, "1.1", "", body);
    ask(&server, "three", get("/1") + &get("/2") + &get("/3"))?;
    ask(
        &server,
        "bodies between",
        post("/1", "one") + &post("/2", "two\r\n") + &get("/3"),
    )?;
    ask(
        &server,
        "the last one is of HTTP/1.0",
        get("/1") + &request("/2", "1.0", "", "") + &get("/3"),
    )?;
    let keep = "Connection: keep-alive\r\n";
    ask(
        &server,
        "HTTP/1.0, kept alive",
        request("/1", "1.0", keep, "one") + &request("/2", "1.0", keep, "") + &request("/3", "1.0", "", ""),
    )?;
    ask(
        &server,
        "one that is refused",
        get("/1") + "GET / HTTP %\r\n\r\n" + &get("/3"),
    )?;
    server.stop()
}
