//! The bytes of the answers to requests that are not served, and of those to bodies that are malformed.

use std::io::{Read, Write};

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let mut read = Vec::new();
    match request.uri().path() {
        "/unread" => response.header("Content-Length", "8")?.send("not read"),
        "/begun" => {
            response.header("Content-Type", "text/plain")?.write_all(b"begun")?;
            request.body_mut().read_to_end(&mut read)?;
            Ok(response.write_all(&read)?)
        }
        _ => {
            request.body_mut().read_to_end(&mut read)?;
            response.header("Content-Length", read.len().to_string())?.send(read)
        }
    }
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(9000));
    for (what, request) in [
        ("no version", "GET / HTTP %\r\n\r\n"),
        ("version 2", "GET / HTTP/2.0\r\n\r\n"),
        ("too many words", "GET / / HTTP/1.1\r\n\r\n"),
        ("one word", "GET\r\n\r\n"),
        (
            "a length that is no number",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
        ),
        (
            "a negative length",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        ),
        (
            "a length of HEAD",
            "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1",
        ),
        ("a long line", &long),
    ] {
        ask(&server, what, request)?;
        ask(
            &server,
            &format!("{what}, behind another one"),
            format!("{good}{request}"),
        )?;
    }
    for path in ["/", "/begun", "/unread"] {
        let post = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (what, body) in [
            ("good", "5\r\nhello\r\n0\r\n\r\n"),
            ("no size", "xyz\r\nhello\r\n0\r\n\r\n"),
            ("a longer chunk", "5\r\nhello!\r\n0\r\n\r\n"),
            ("a wrong line end", "5\r\nhello\r\n0\nx\r\n"),
            ("a wrong trailer", "5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\n\r\n"),
        ] {
            ask(&server, &format!("{path}, {what}"), format!("{post}{body}{good}"))?;
        }
    }
    server.stop()
}
