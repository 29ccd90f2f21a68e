//! A server that sends every line back to the client: gevent's example of that name.
//!
//! ```sh
//! cargo run --example echoserver
//! ```
//!
//! Connect to it with `telnet 127.0.0.1 16000`, or with `nc`, as often as you like at the same time.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;

use gevent::Exception;
use gevent::server::StreamServer;
use gevent::socket::TcpStream;

/// A line that is longer is echoed in parts of this many bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// Serves one connection, in a greenlet of its own: reading and writing look as if they blocked, but meanwhile the
/// other connections are served.
fn echo(stream: TcpStream, address: SocketAddr) {
    println!("New connection from {address}");
    match converse(&stream) {
        Ok(end) => println!("{address} {end}"),
        Err(error) => println!("{address} failed: {error}"),
    }
}

fn converse(mut stream: &TcpStream) -> io::Result<&'static str> {
    stream.write_all(b"Welcome to the echo server! Type quit to exit.\r\n")?;
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok("disconnected");
        }
        if line.trim_ascii().eq_ignore_ascii_case(b"quit") {
            return Ok("quit");
        }
        stream.write_all(&line)?;
    }
}

fn main() -> Result<(), Exception> {
    let server = StreamServer::new("127.0.0.1:16000", echo);
    println!("Starting echo server on port 16000");
    server.serve_forever()
}
