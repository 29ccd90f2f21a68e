//! A server of several threads, each with a hub and a listener of its own: all of them listen at the same address, by
//! `SO_REUSEPORT`, and the system spreads the connections over them.
//!
//! ```sh
//! cargo run --example hub_per_thread
//! ```
//!
//! `curl http://127.0.0.1:8000/` shows the thread that answers. Another address is an argument. Ctrl-C or SIGTERM ends
//! the server, after it has answered the requests that have begun.

use std::io::{BufRead, BufReader, Write};
use std::process::ExitCode;
use std::thread::available_parallelism;

use gevent::prelude::*;
use gevent::server::StreamServer;
use gevent::socket::{Address, TcpStream};
use gevent::threadsafe::Event;

/// How many requests a thread answers at a time.
const REQUESTS: usize = 1000;
/// How many seconds a server that is to end has for the requests that have begun.
const GRACE: f64 = 10.0;

fn handle(mut stream: TcpStream, thread: usize) -> Result<(), Exception> {
    // The head of the request, whose end is an empty line.
    for line in BufReader::new(stream.clone()).lines() {
        if line?.is_empty() {
            break;
        }
    }
    let page = format!("Hello from thread {thread}\n");
    let head = format!("Content-Length: {}\r\nConnection: close", page.len());
    Ok(stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{page}").as_bytes())?)
}

/// The server of one thread. It is closed, by the hub of this thread, when `stop` is set.
fn server(thread: usize, address: impl Address, stop: &Event) -> Result<StreamServer, Exception> {
    let builder = StreamServer::builder().spawn(REQUESTS).stop_timeout(GRACE);
    let builder = builder.reuse_port(true);
    let server = builder.build(address, move |stream, _address| handle(stream, thread));
    server.start()?;
    let its = server.clone();
    stop.rawlink(move |_| its.close());
    Ok(server)
}

fn run(address: &str) -> Result<(), Exception> {
    let stop = Event::new();
    // The first server tells the others the port, which the system may choose.
    let first = server(0, address, &stop)?;
    let address = first.address().expect("it is bound");
    // Signals come to the main thread.
    for signum in [libc::SIGINT, libc::SIGTERM] {
        let stop = stop.clone();
        signal_handler(signum, move || stop.set())?;
    }
    let threads = (1..available_parallelism()?.get()).map(|number| {
        let stop = stop.clone();
        gevent::run_in_thread(move || {
            let served = server(number, address, &stop).and_then(|server| server.serve_forever());
            // A thread that fails ends the others as well.
            stop.set();
            served
        })
    });
    let threads: Vec<_> = threads.collect::<Result<_, _>>()?;
    println!("Listening at {address}");
    first.serve_forever()?;
    for thread in threads {
        thread.join().expect("it does not panic")?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    gevent::run_main(|| run(&address))
}
