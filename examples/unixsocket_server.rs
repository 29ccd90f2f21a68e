//! An HTTP server at a Unix socket: gevent's example of that name.
//!
//! ```sh
//! cargo run --example unixsocket_server
//! ```
//!
//! The socket is `unixsocket_server.sock` in the folder from which it is run, or the argument. Then
//! `cargo run --example unixsocket_client`, or `curl --unix-socket unixsocket_server.sock http://localhost/`, asks it.
//! Ctrl-C or SIGTERM ends it, and removes the socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::SocketAddr;

use gevent::prelude::*;
use gevent::server::StreamServer;
use gevent::socket::UnixStream;

const PAGE: &str = "<h1>Hello from a Unix socket</h1>\n";

fn handle(mut stream: UnixStream, _address: SocketAddr) -> Result<(), Exception> {
    // The head of the request, whose end is an empty line.
    for line in BufReader::new(stream.clone()).lines() {
        if line?.is_empty() {
            break;
        }
    }
    let head = format!(
        "Content-Type: text/html\r\nContent-Length: {}\r\nConnection: close",
        PAGE.len()
    );
    Ok(write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{PAGE}")?)
}

fn main() -> Result<(), Exception> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "unixsocket_server.sock".to_owned());
    let server = StreamServer::builder().build_at_path(&path, handle)?;
    for signum in [libc::SIGINT, libc::SIGTERM] {
        let server = server.clone();
        gevent::signal_handler(signum, move || {
            server.close();
            Ok(())
        })?;
    }
    server.start()?;
    println!("Listening at {path}");
    server.serve_forever()
}
