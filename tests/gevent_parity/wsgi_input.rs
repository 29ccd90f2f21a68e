//! The ways to read a body: as a whole, so many bytes, lines, and one after the other.

use std::io::{BufRead, Read};

use gevent::Exception;
use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

/// A number of bytes that no body has.
const ALL: u64 = u64::MAX;

/// What was read of a body.
struct Reads<'a>(&'a mut Body, Vec<Vec<u8>>);

impl Reads<'_> {
    fn read(mut self, size: u64) -> Result<Self, Exception> {
        let mut read = Vec::new();
        self.0.by_ref().take(size).read_to_end(&mut read)?;
        self.1.push(read);
        Ok(self)
    }

    fn line(mut self, size: u64) -> Result<Self, Exception> {
        let mut line = Vec::new();
        self.0.by_ref().take(size).read_until(b'\n', &mut line)?;
        self.1.push(line);
        Ok(self)
    }

    fn lines(mut self) -> Result<Self, Exception> {
        loop {
            self = self.line(ALL)?;
            if self.1.pop_if(|line| line.is_empty()).is_some() {
                return Ok(self);
            }
        }
    }
}

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let path = request.uri().path().to_owned();
    let body = Reads(request.body_mut(), Vec::new());
    let Reads(_, parts) = match &*path {
        "/all" => body.read(ALL)?.read(ALL)?.line(ALL)?,
        "/some" => body.read(0)?.read(4)?.read(1)?.read(100)?.read(1)?,
        "/line" => body.line(ALL)?.line(ALL)?.read(2)?.line(ALL)?.read(ALL)?,
        "/short-line" => body.line(3)?.line(100)?.line(1)?.read(ALL)?,
        "/lines" => body.read(2)?.lines()?.line(ALL)?,
        "/iterated" => body.lines()?.read(ALL)?,
        _ => body.line(ALL)?.read(ALL)?,
    };
    let read = String::from_utf8(parts.join(&b'|'))?;
    response.header("Content-Length", read.len().to_string())?;
    response.send(read.replace('\n', "/"))
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    let chunked = "Transfer-Encoding: chunked\r\n\r\n\
                   3\r\none\r\n5\r\n\ntwo\n\r\n1\r\n\n\r\n5\r\nthree\r\n0\r\n\r\n";
    for path in [
        "/all",
        "/some",
        "/line",
        "/short-line",
        "/lines",
        "/iterated",
        "/negative",
    ] {
        for (what, body) in [
            ("counted", "Content-Length: 14\r\n\r\none\ntwo\n\nthree"),
            ("chunked", chunked),
            ("empty", "Content-Length: 0\r\n\r\n"),
            ("none", "\r\n"),
        ] {
            let request = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{body}GET /all HTTP/1.0\r\n\r\n");
            ask(&server, &format!("{path}, {what}"), request)?;
        }
    }
    server.stop()
}
