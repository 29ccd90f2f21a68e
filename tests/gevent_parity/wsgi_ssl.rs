//! The bytes of answers over TLS are those of answers without it; the scheme is another one.

use std::io::{Read, Write};

use gevent::pywsgi::{Body, Environ, ResponseWriter, WSGIServer};
use gevent::socket::TcpStream;
use http::Request;

use super::common::{TestResult, show as shown};
use super::common_ssl::{client_context, server_context};
use super::common_wsgi::{connect, everything, quiet, show, started};

fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> TestResult {
    let path = request.uri().path().to_owned();
    if path == "/parts" {
        response.header("Content-Type", "text/plain")?;
        for part in ["hello", " ", "world"] {
            response.write_all(part.as_bytes())?;
        }
        return Ok(());
    }
    let mut read = String::new();
    request.body_mut().read_to_string(&mut read)?;
    let (scheme, host) = (request.url_scheme(), request.headers()["Host"].to_str()?);
    response.header("Content-Type", "text/plain")?;
    response.send(format!("{scheme}://{host}{path} {read}"))
}

fn ask(server: &WSGIServer, what: &str, request: &str) -> TestResult {
    println!("{what}:");
    let mut context = client_context()?;
    context.set_alpn_protocols(&["http/1.1"]);
    let mut stream = context.wrap_socket(connect(server)?, "localhost")?;
    println!(
        "  {}, {}",
        shown(stream.version()),
        shown(stream.selected_alpn_protocol())
    );
    stream.write_all(request.as_bytes())?;
    show(&everything(&mut stream)?);
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let mut context = server_context()?;
    context.set_alpn_protocols(&["http/1.1"]);
    let builder = quiet().wrap_socket(move |stream: TcpStream| context.wrap_socket(stream, None));
    let server = started(builder.build("127.0.0.1:0", application))?;
    let get = |path: &str, version: &str| format!("GET {path} HTTP/{version}\r\nHost: localhost\r\n\r\n");
    ask(&server, "HTTP/1.0", &get("/a", "1.0"))?;
    ask(&server, "parts", &get("/parts", "1.0"))?;
    let several = get("/1", "1.1") + &get("/parts", "1.1") + &get("/3", "1.0");
    ask(&server, "several", &several)?;
    let post = |body: &str| format!("POST /body HTTP/1.1\r\nHost: localhost\r\n{body}{}", get("/2", "1.0"));
    ask(&server, "a body", &post("Content-Length: 5\r\n\r\nhello"))?;
    let chunks = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    ask(&server, "chunks", &post(chunks))?;
    let large = format!("Content-Length: 100000\r\n\r\n{}", "x".repeat(100_000));
    ask(&server, "a large body", &post(&large))?;
    ask(&server, "refused", "GET / HTTP %\r\n\r\n")?;
    server.stop()
}
