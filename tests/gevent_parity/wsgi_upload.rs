//! Chunked bodies: sizes, extensions and trailers of all kinds, and clients that ask for permission.

use std::io::Read;

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let mut read = Vec::new();
    if request.uri().path() == "/parts" {
        request.body_mut().take(3).read_to_end(&mut read)?;
        read.push(b',');
    }
    request.body_mut().read_to_end(&mut read)?;
    response.header("Content-Type", "text/plain")?.send(read)
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    for path in ["/", "/parts"] {
        let request = |more: &str, coding: &str, body: &str| {
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{more}Transfer-Encoding: {coding}\r\n\r\n");
            format!("{head}{body}GET / HTTP/1.0\r\n\r\n")
        };
        let trailers = "5\r\nhello\r\n0\r\nA: b\r\nEmpty:\r\nX-Y: z, z\r\n\r\n";
        for (what, body) in [
            ("one chunk", "5\r\nhello\r\n0\r\n\r\n"),
            ("several", "1\r\nh\r\n4\r\nello\r\n6\r\n world\r\n0\r\n\r\n"),
            ("none", "0\r\n\r\n"),
            (
                "sizes",
                "A\r\n0123456789\r\na\r\n0123456789\r\n00001\r\nx\r\n000\r\n\r\n",
            ),
            (
                "extensions",
                "5;a=b\r\nhello\r\n1;a;b=\"c d\";e\r\n \r\n5;\r\nworld\r\n0;last\r\n\r\n",
            ),
            ("line ends", "4\r\n\r\n\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n"),
            ("trailers", trailers),
        ] {
            ask(&server, &format!("{path}, {what}"), request("", "chunked", body))?;
        }
        ask(
            &server,
            &format!("{path}, with permission"),
            request("Expect: 100-continue\r\n", "Chunked", trailers),
        )?;
    }
    server.stop()
}
