//! A server that is started once for each processor: all of them listen at the same address, by `SO_REUSEPORT`, and the
//! system spreads the connections over them.
//!
//! ```sh
//! cargo build --example hub_per_process
//! for processor in 0 1; do target/debug/examples/hub_per_process & done
//! ```
//!
//! `curl http://127.0.0.1:8000/` shows the process that answers. Another address is an argument. Ctrl-C or SIGTERM ends
//! one process, after it has answered the requests that have begun; the others go on.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{self, ExitCode};

use gevent::prelude::*;
use gevent::server::StreamServer;
use gevent::socket::TcpStream;

/// How many requests a process answers at a time.
const REQUESTS: usize = 1000;
/// How many seconds a process that is to end has for the requests that have begun.
const GRACE: f64 = 10.0;

fn handle(mut stream: TcpStream, _address: SocketAddr) -> Result<(), Exception> {
    // The head of the request, whose end is an empty line.
    for line in BufReader::new(stream.clone()).lines() {
        if line?.is_empty() {
            break;
        }
    }
    let page = format!("Hello from process {}\n", process::id());
    let head = format!("Content-Length: {}\r\nConnection: close", page.len());
    Ok(stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{page}").as_bytes())?)
}

fn run(address: &str) -> Result<(), Exception> {
    let builder = StreamServer::builder().spawn(REQUESTS).stop_timeout(GRACE);
    let server = builder.reuse_port(true).build(address, handle);
    for signum in [libc::SIGINT, libc::SIGTERM] {
        let server = server.clone();
        signal_handler(signum, move || server.close())?;
    }
    server.start()?;
    println!("Listening at {}", server.address().expect("it is bound"));
    server.serve_forever()
}

fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    gevent::run_main(|| run(&address))
}
