//! The status of requests that are not served, and of some that are.

use std::io::Read;

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{serve, status};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let mut read = String::new();
    request.body_mut().read_to_string(&mut read)?;
    response.header("Content-Type", "text/plain")?.send(read)
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    let status = |what: &str, request: String| status(&server, what, &request);
    let post = "POST / HTTP/1.1\r\nHost: a\r\n";
    status("good", format!("{post}Content-Length: 5\r\n\r\nhello"))?;
    status("no version", "GET / HTTP %\r\n\r\n".to_owned())?;
    status("version 2", "GET / HTTP/2.0\r\n\r\n".to_owned())?;
    status("no path", "GET\r\n\r\n".to_owned())?;
    status("too many words", "GET / / HTTP/1.1\r\n\r\n".to_owned())?;
    status("negative length", format!("{post}Content-Length: -5\r\n\r\nhello"))?;
    status("no number", format!("{post}Content-Length: abc\r\n\r\nhello"))?;
    status(
        "a body of HEAD",
        "HEAD / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
    )?;
    let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n");
    status("chunks", format!("{chunked}5\r\nhello\r\n0\r\n\r\n"))?;
    status("no size", format!("{chunked}xyz\r\nhello\r\n0\r\n\r\n"))?;
    status("a blank before a size", format!("{chunked} 5\r\nhello\r\n0\r\n\r\n"))?;
    status("a longer chunk", format!("{chunked}5\r\nhello!\r\n0\r\n\r\n"))?;
    status("a line without CR", format!("{chunked}5\nhello\r\n0\r\n\r\n"))?;
    status(
        "a large size",
        format!("{chunked}{}\r\nhello\r\n0\r\n\r\n", "1".repeat(17)),
    )?;
    status(
        "a long extension",
        format!("{chunked}5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(9000)),
    )?;
    status("a long line", format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(9000)))?;
    server.stop()
}
