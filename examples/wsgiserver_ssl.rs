//! A web server over TLS: gevent's example of that name.
//!
//! ```sh
//! cd tests/tls
//! cargo run -p gevent --features pywsgi --features ssl --example wsgiserver_ssl -- :8443 localhost.crt localhost.key
//! curl --cacert ca.crt https://localhost:8443/
//! ```

use gevent::Exception;
use gevent::pywsgi::{Body, ResponseWriter, WSGIServer};
use gevent::socket::TcpStream;
use gevent::ssl::{Purpose, SSLContext, create_default_context};
use http::Request;

/// Answers one request, in the greenlet of its connection.
fn hello_world(request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
    response.header("Content-Type", "text/html")?;
    match request.uri().path() {
        "/" => response.send("<b>hello world</b>"),
        _ => response.status(404)?.send("<h1>Not Found</h1>"),
    }
}

/// The server, which does the handshakes in the greenlets of the connections.
pub(crate) fn web_server(address: &str, context: SSLContext) -> WSGIServer {
    WSGIServer::builder()
        .wrap_socket(move |stream: TcpStream| context.wrap_socket(stream, None))
        .build(address, hello_world)
}

fn main() -> Result<(), Exception> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, certificate, key] = &arguments[..] else {
        eprintln!("usage: wsgiserver_ssl ADDRESS CERTIFICATE KEY");
        std::process::exit(2);
    };
    let mut context = create_default_context(Purpose::ClientAuth)?;
    context.load_cert_chain(certificate, key)?;
    context.set_alpn_protocols(&["http/1.1"]);
    let server = web_server(address, context);
    server.start()?;
    println!("Serving on https://{}", server.address().expect("it was started"));
    server.serve_forever()
}
