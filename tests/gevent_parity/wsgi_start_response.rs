//! Answers that are begun several times: the last beginning counts, as long as nothing was sent.

use std::io::Write;

use gevent::pywsgi::{Body, HeadSent, InvalidHeader, ResponseWriter};
use http::Request;

use super::common::{TestResult, ValueError, name, report_errors};
use super::common_wsgi::{ask, serve};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let headers = [
        ("Content-Type", "text/html"),
        ("Set-Cookie", "a=b"),
        ("Content-Length", "99"),
    ];
    response.start_response("200 OK", headers)?;
    match request.uri().path() {
        "/twice" => {
            response.start_response("202 Accepted", [("Content-Type", "text/plain")])?;
            return response.send("accepted");
        }
        "/refused" => {
            for (status, header) in [("200 OK", Some(("X", "a\r\nb"))), ("200 O\nK", None), ("none", None)] {
                match response.start_response(status, header) {
                    Err(error) if error.is::<InvalidHeader>() => println!("refused"),
                    begun => begun.map(drop)?,
                }
            }
            response.start_response("200 OK", [("Content-Length", "4")])?;
            return response.send("fine");
        }
        "/begun" => response.write_all(b"a part")?,
        _ => {}
    }
    let failed = ValueError("on purpose").into();
    match response.start_response("500 Oh no", [("Content-Type", "text/plain")]) {
        // gevent raises the error that it was given.
        Err(error) if error.is::<HeadSent>() => {
            println!("too late: {}", name(&failed));
            Err(failed)
        }
        begun => begun?.send("an error\r\n"),
    }
}

pub(crate) fn main() -> TestResult {
    report_errors();

    let server = serve(application)?;
    for path in ["/twice", "/refused", "/failed", "/begun"] {
        let get = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        ask(&server, path, get + "GET /twice HTTP/1.0\r\n\r\n")?;
    }
    server.stop()
}
