//! A function that returns an `io::Result` is spawned.
//!
//! Cure: `|| Ok(function()?)`

use std::io::{self, Write};

use gevent::socket::TcpStream;

fn greet() -> io::Result<()> {
    TcpStream::connect("127.0.0.1:7")?.write_all(b"hello")
}

fn main() {
    gevent::spawn(greet);
}
