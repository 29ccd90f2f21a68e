//! Bodies that end before they should: a read fails, and what was read before is there.

use std::io::{self, BufRead, Read};

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{answer, serve};

fn read(body: &mut Body, size: u64) -> io::Result<String> {
    let mut read = String::new();
    body.take(size).read_to_string(&mut read)?;
    Ok(read.replace('\n', "/"))
}

fn readline(body: &mut Body) -> io::Result<String> {
    let mut line = String::new();
    body.read_line(&mut line)?;
    Ok(line.replace('\n', "/"))
}

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let path = request.uri().path().to_owned();
    let (body, mut texts) = (request.body_mut(), Vec::new());
    let mut reads = || -> io::Result<()> {
        match &*path {
            "/all" => texts.push(read(body, u64::MAX)?),
            "/some" => {
                texts.push(read(body, 2)?);
                texts.push(read(body, u64::MAX)?);
            }
            _ => {
                texts.push(readline(body)?);
                texts.push(readline(body)?);
            }
        }
        Ok(())
    };
    if reads().is_err() {
        texts.push("an error".to_owned());
    }
    let text = texts.join(", ");
    response.header("Content-Length", text.len().to_string())?.send(text)
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    for path in ["/all", "/some", "/line"] {
        for (what, body) in [
            ("counted", "Content-Length: 20\r\n\r\none\ntwo"),
            ("counted, nothing comes", "Content-Length: 20\r\n\r\n"),
            (
                "chunked, in a chunk",
                "Transfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n9\r\ntwo",
            ),
            (
                "chunked, before a size",
                "Transfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n",
            ),
            ("chunked, nothing comes", "Transfer-Encoding: chunked\r\n\r\n"),
        ] {
            let lines = answer(&server, format!("POST {path} HTTP/1.1\r\nHost: a\r\n{body}"))?;
            println!("{path}, {what}: {}", lines.last().expect("there is a body"));
        }
    }
    server.stop()
}
