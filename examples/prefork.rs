//! A server of several processes, which share one listener: they are forked after it listens, and the system gives
//! each connection to one of them.
//!
//! ```sh
//! cargo run --example prefork
//! ```
//!
//! `curl http://127.0.0.1:8000/` shows the process that answers. Another address is an argument. Ctrl-C or SIGTERM, to
//! the first process, ends all of them, after they have answered the requests that have begun. A worker that ends by
//! itself is replaced.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{self, ExitCode};
use std::rc::Rc;

use gevent::prelude::*;
use gevent::queue::SimpleQueue;
use gevent::server::StreamServer;
use gevent::socket::TcpStream;
use rustix::process::{Pid, Signal, kill_process};

const WORKERS: usize = 2;
/// How many requests a worker answers at a time. While it is full, the others get the connections.
const REQUESTS: usize = 1000;
/// How many seconds a worker that is to end has for the requests that have begun.
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

/// Makes a copy of this process. Returns the number of the copy, and nothing in the copy.
fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the process has only this thread, so the copy lacks no thread and holds no lock of another one.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

fn run(address: &str) -> Result<(), Exception> {
    let builder = StreamServer::builder().spawn(REQUESTS).stop_timeout(GRACE);
    // A worker takes one connection at a time, and leaves the next one to the others.
    let server = builder.max_accept(1).build(address, handle);
    server.init_socket()?;

    // The workers by number, each with the watcher that tells its end.
    let workers = Rc::new(RefCell::new(HashMap::new()));
    let ended = SimpleQueue::new();
    for signum in [libc::SIGINT, libc::SIGTERM] {
        let (server, workers) = (server.clone(), workers.clone());
        // The workers inherit this handler. They have no workers themselves, and end because their server is closed.
        signal_handler(signum, move || {
            server.close();
            for pid in workers.borrow().keys() {
                kill_process(*pid, Signal::TERM)?;
            }
            Ok(())
        })?;
    }
    println!("Listening at {}", server.address().expect("it is bound"));
    loop {
        while !server.closed() && workers.borrow().len() < WORKERS {
            let Some(pid) = fork()? else {
                workers.take();
                reinit()?;
                return server.serve_forever();
            };
            let watcher = get_hub().loop_().child(pid.as_raw_pid(), false)?;
            let (its, ended) = (workers.clone(), ended.clone());
            watcher.start(move || {
                its.borrow_mut().remove(&pid);
                ended.put(pid)
            })?;
            workers.borrow_mut().insert(pid, watcher);
            println!("Worker {pid}");
        }
        if workers.borrow().is_empty() {
            return Ok(());
        }
        let pid = ended.get()?;
        if !server.closed() {
            println!("Worker {pid} has ended");
            // Workers that end at once shall not keep the processor busy.
            sleep(0.1)?;
        }
    }
}

fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    gevent::run_main(|| run(&address))
}
