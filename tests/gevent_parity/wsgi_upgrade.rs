//! A connection that becomes something else: the handler has the bytes of both directions.

use std::io::{BufRead, Write};

use gevent::pywsgi::{Body, ResponseWriter};
use http::Request;

use super::common::TestResult;
use super::common_wsgi::{ask, serve};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let Some(upgrade) = request.headers().get("Upgrade").cloned() else {
        response.status(426)?.header("Upgrade", "websocket")?;
        return response.header("Content-Length", "0").map(drop);
    };
    response.header("Upgrade", upgrade)?.header("Connection", "Upgrade")?;
    let mut stream = response.upgrade(request)?;
    stream.write_all(b"hello\n")?;
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line)? > 0 {
        stream.write_all(&[b"got ", &*line].concat())?;
        line.clear();
    }
    Ok(stream.write_all(b"bye\n")?)
}

pub(crate) fn main() -> TestResult {
    let server = serve(application)?;
    let head = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n";
    let websocket = format!("{head}Upgrade: websocket\r\n\r\n");
    ask(&server, "nothing follows", &websocket)?;
    ask(&server, "lines follow", websocket.clone() + "one\ntwo\nthree\n")?;
    ask(&server, "what looks like a request", format!("{websocket}{head}\r\n"))?;
    ask(
        &server,
        "no upgrade",
        "GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.0\r\n\r\n",
    )?;
    server.stop()
}
