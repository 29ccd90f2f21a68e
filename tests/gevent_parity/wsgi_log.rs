//! The lines of the access log, without the time, the bytes and the seconds.

use std::io::Read;
use std::rc::Rc;

use gevent::pywsgi::{Access, Body, ResponseWriter, WSGIServer};
use http::Request;

use super::common::{TestResult, ValueError, report_errors};
use super::common_wsgi::{answer, quiet, started};

fn log(access: &Access<'_>) {
    let line = access.to_string();
    let (client, rest) = line.split_once(" [").expect("a date");
    let (_, rest) = rest.split_once("] ").expect("a request");
    let rest = rest.rsplitn(3, ' ').last().expect("bytes and seconds");
    println!("  {client} {rest}");
}

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    match request.uri().path() {
        "/fails" => return Err(ValueError("on purpose").into()),
        "/none" => response.status(404)?.reason("Not found here").map(drop)?,
        _ => {}
    }
    let mut read = Vec::new();
    request.body_mut().read_to_end(&mut read)?;
    response.send(read)
}

fn ask(server: &WSGIServer, what: &str, request: impl AsRef<[u8]>) -> TestResult {
    println!("{what}:");
    answer(server, request).map(drop)
}

pub(crate) fn main() -> TestResult {
    report_errors();

    let server = started(quiet().log(Some(Rc::new(log))).build("127.0.0.1:0", application))?;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: me\r\n\r\n");
    ask(&server, "served", get("/a?b=c%20d"))?;
    ask(&server, "HTTP/1.0", "HEAD / HTTP/1.0\r\n\r\n")?;
    ask(&server, "not found", get("/none"))?;
    ask(&server, "a failure", get("/fails"))?;
    ask(&server, "several", get("/1") + &get("/none") + &get("/3"))?;
    ask(
        &server,
        "a body",
        "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok",
    )?;
    ask(
        &server,
        "a body that is malformed",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    )?;
    ask(&server, "no version", "GET /x HTTP %\r\n\r\n")?;
    ask(&server, "version 2", "GET /a%20b HTTP/2.0\r\nHost: a\r\n\r\n")?;
    ask(
        &server,
        "a length that is no number",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
    )?;
    ask(&server, "nothing", "")?;
    server.stop()
}
