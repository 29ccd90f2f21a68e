//! What a handler learns of a request: the variables of CGI, which are made of the request line and of the headers.

use gevent::pywsgi::{Body, Environ, ResponseWriter, WSGIServer};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{answer, serve};

const OF_THE_MACHINE: [&str; 4] = ["REMOTE_PORT", "SERVER_NAME", "SERVER_PORT", "SERVER_SOFTWARE"];

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let mut texts = request.environ();
    texts.retain(|(name, _)| !OF_THE_MACHINE.contains(&name.as_str()));
    texts.sort();
    let lines: String = texts.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    // The values are decoded as Latin-1, in which these are.
    let bytes: Vec<u8> = lines.chars().filter_map(|c| u8::try_from(c).ok()).collect();
    response.send(bytes)
}

fn ask(server: &WSGIServer, what: &str, request: impl AsRef<[u8]>) -> TestResult {
    println!("{what}:");
    let lines = answer(server, request)?;
    for line in lines.last().into_iter().flat_map(|body| body.lines()) {
        println!("  |{line}|");
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    ask(&server, "little", "GET / HTTP/1.0\r\n\r\n")?;
    ask(
        &server,
        "a path and a query",
        "GET /a%20b/%7e%zz?c=d%20e&f=?g HTTP/1.1\r\nHost: a:80\r\n\r\n",
    )?;
    ask(
        &server,
        "a body",
        "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\ncontent-type: text/plain; a=b\r\n\r\nok",
    )?;
    ask(&server, "another method", "M-SEARCH * HTTP/1.1\r\nHost: a\r\n\r\n")?;
    ask(
        &server,
        "headers that are there twice, and cookies",
        "GET / HTTP/1.1\r\nHost: a\r\nAccept: a\r\nX-Y: 1\r\naccept: b, c\r\nCookie: d=e\r\nCookie: f=g; h=i\r\n\
         Set-Cookie2: j\r\nSet-Cookie2: k\r\n\r\n",
    )?;
    ask(
        &server,
        "headers of all kinds",
        b"GET / HTTP/1.1\r\nHost: a\r\nEmpty:\r\nblanks: \t a  b \t \r\nUn_der: 1\r\nx-REAL-ip: 2\r\nTest: caf\xe9\r\n\
          Content_Length: 5\r\nA: b: c\r\n\r\n",
    )?;
    ask(
        &server,
        "bodies in chunks",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    )?;
    server.stop()
}
