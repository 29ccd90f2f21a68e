//! A web server with two pages: gevent's example of that name.
//!
//! ```sh
//! cargo run --features pywsgi --example wsgiserver
//! ```
//!
//! Then `curl http://127.0.0.1:8088/` answers `hello world`, and every other path is not found. The server writes its
//! log to standard error. Another address may be given as an argument.

use gevent::Exception;
use gevent::pywsgi::{Body, ResponseWriter, WSGIServer};
use http::Request;

/// Answers one request, in the greenlet of its connection. It may block: the others are served meanwhile.
fn application(request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
    response.header("Content-Type", "text/html")?;
    match request.uri().path() {
        "/" => response.send("<b>hello world</b>"),
        _ => response.status(404)?.send("<h1>Not Found</h1>"),
    }
}

fn main() -> Result<(), Exception> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8088".to_owned());
    let server = WSGIServer::new(address, application);
    server.start()?;
    println!("Serving on {}", server.address().expect("it was started"));
    server.serve_forever()
}
