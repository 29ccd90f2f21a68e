//! The headers of answers, as the handler has set them: their order, their names, and those that the server knows.

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

/// A path, with the status, the reason and the headers of its answer.
type Answer = (
    &'static str,
    u16,
    &'static str,
    &'static [(&'static str, &'static [u8])],
);

const ANSWERS: [Answer; 8] = [
    ("/none", 200, "OK", &[]),
    (
        "/several",
        200,
        "OK",
        &[
            ("X-B", b"1"),
            ("Set-Cookie", b"a=b"),
            ("x-a", b"2"),
            ("Set-Cookie", b"c=d"),
            ("X-B", b"3"),
        ],
    ),
    (
        "/values",
        200,
        "OK",
        &[
            ("Empty", b""),
            ("Blanks", b"a  b"),
            ("Latin", b"caf\xe9"),
            ("Colon", b"a: b"),
        ],
    ),
    ("/length", 200, "OK", &[("content-LENGTH", b"5"), ("X", b"y")]),
    ("/closed", 200, "OK", &[("X", b"y"), ("Connection", b"close")]),
    ("/reason", 299, "Quite fine, thank you", &[]),
    ("/known", 418, "I'm a teapot", &[("Content-Type", b"text/plain")]),
    ("/empty", 200, "", &[]),
];

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let found = ANSWERS.iter().find(|(path, ..)| *path == request.uri().path());
    let (_, status, reason, headers) = found.expect("all are there");
    response.status(*status)?.reason(*reason)?;
    for (name, value) in *headers {
        response.header(name, value)?;
    }
    response.send("hello")
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    for (path, ..) in ANSWERS {
        ask(&server, path, format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))?;
        let keep = "Connection: keep-alive\r\n";
        let request = format!("GET {path} HTTP/1.0\r\n{keep}\r\nGET /none HTTP/1.0\r\n\r\n");
        ask(&server, &format!("{path}, HTTP/1.0"), request)?;
    }
    server.stop()
}
