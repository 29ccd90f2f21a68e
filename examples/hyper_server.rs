//! A web server by hyper, for HTTP/1 and HTTP/2, on the hub: each connection has a greenlet, and so has each request of
//! HTTP/2.
//!
//! ```sh
//! cargo run --features hyper --example hyper_server
//! ```
//!
//! Then `curl http://127.0.0.1:8089/` answers `hello world`, and so does `curl --http2-prior-knowledge`. The page
//! `/slow` sleeps as blocking code does, while the others are served; `POST /echo` sends back what it gets. Another
//! address may be given as an argument.

use std::convert::Infallible;

use bytes::Bytes;
use gevent::Exception;
use gevent::future::{Async, HubExecutor, HubTimer, block_on};
use gevent::server::StreamServer;
use gevent::socket::TcpStream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};

/// What a connection of HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

type Body = BoxBody<Bytes, hyper::Error>;

fn text(text: &'static str) -> Body {
    Full::from(text).map_err(|never: Infallible| match never {}).boxed()
}

/// Answers one request. It may await, and it may park its greenlet.
async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Exception> {
    let body = match (request.method(), request.uri().path()) {
        (_, "/") => text("hello world"),
        (_, "/slow") => {
            gevent::sleep(0.1)?;
            text("good morning")
        }
        (&Method::POST, "/echo") => request.into_body().boxed(),
        _ => {
            let mut response = Response::new(text("there is no such page"));
            *response.status_mut() = hyper::StatusCode::NOT_FOUND;
            return Ok(response);
        }
    };
    Ok(Response::new(body))
}

/// Whether the client begins with HTTP/2. What it has sent is read again later.
fn is_http2(stream: &TcpStream) -> Result<bool, Exception> {
    let mut first = [0; PREFACE.len()];
    loop {
        let n = stream.peek(&mut first)?;
        if n == PREFACE.len() || n == 0 || !PREFACE.starts_with(&first[..n]) {
            return Ok(first == *PREFACE);
        }
        gevent::sleep(0.001)?;
    }
}

fn serve(stream: TcpStream) -> Result<(), Exception> {
    stream.set_nodelay(true)?;
    let is_http2 = is_http2(&stream)?;
    let (stream, service) = (Async::new(stream), service_fn(answer));
    let served = if is_http2 {
        let mut builder = http2::Builder::new(HubExecutor);
        block_on(builder.timer(HubTimer).serve_connection(stream, service))?
    } else {
        let mut builder = http1::Builder::new();
        block_on(builder.timer(HubTimer).serve_connection(stream, service))?
    };
    if let Err(error) = served {
        eprintln!("a connection has failed: {error}");
    }
    Ok(())
}

fn main() -> Result<(), Exception> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8089".to_owned());
    let server = StreamServer::new(address, |stream: TcpStream, _| serve(stream));
    server.start()?;
    println!("Serving on {}", server.address().expect("it was started"));
    server.serve_forever()
}
