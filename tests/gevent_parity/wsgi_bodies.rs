//! Bodies of requests, counted and chunked, that are read as a whole, in parts, or not at all.

use std::io::{BufRead, Read};

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

const HEAD: &str = " HTTP/1.1\r\nHost: a\r\n";

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let path = request.uri().path().to_owned();
    let (body, mut read) = (request.body_mut(), String::new());
    match &*path {
        "/all" => body.read_to_string(&mut read).map(drop)?,
        "/lines" => {
            let mut line = String::new();
            while body.read_line(&mut line)? > 0 {
                read += if read.is_empty() { "" } else { "|" };
                read += &std::mem::take(&mut line);
            }
        }
        "/three" => body.take(3).read_to_string(&mut read).map(drop)?,
        _ => read += "not read",
    }
    response.header("Content-Type", "text/plain")?.send(read)
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    let counted = "Content-Length: 11\r\n\r\nhello\npeopl";
    let chunked = "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n\npeopl\r\n0\r\nTrailer: x\r\n\r\n";
    for path in ["/all", "/lines", "/three", "/none"] {
        for (what, body) in [("counted", counted), ("chunked", chunked), ("none", "\r\n")] {
            // What follows shows where the server takes the end to be.
            let request = format!("POST {path}{HEAD}{body}GET /none HTTP/1.0\r\n\r\n");
            ask(&server, &format!("{path}, {what}"), &request)?;
        }
    }
    server.stop()
}
