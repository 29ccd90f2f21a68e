//! A server of several threads, each with a hub, and one listener that they hand round by a queue: a thread that has
//! room for a request takes the listener, accepts one connection, and puts the listener back for the next.
//!
//! ```sh
//! cargo run --example shared_listener
//! ```
//!
//! `curl http://127.0.0.1:8000/` shows the thread that answers. Another address is an argument. Ctrl-C or SIGTERM ends
//! the server, after it has answered the requests that have begun.

use std::io::{BufRead, BufReader, Write};
use std::process::ExitCode;
use std::thread::available_parallelism;

use gevent::pool::Pool;
use gevent::prelude::*;
use gevent::queue::ShutDown;
use gevent::socket::{TcpListener, TcpStream};
use gevent::threadsafe::{Event, Queue};

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

/// The listener on its way between threads. A socket of gevent belongs to the hub of its thread, so it is std's.
type Listener = Queue<std::net::TcpListener>;

fn accept(thread: usize, listener: &Listener, requests: &Pool) -> Result<(), Exception> {
    loop {
        requests.wait_available()?;
        let taken = TcpListener::from_std(listener.get()?)?;
        match taken.accept().map_err(Exception::from) {
            Ok((stream, _address)) => drop(requests.spawn(move || handle(stream, thread))?),
            Err(error) if error.is_exit() => return Err(error),
            Err(error) => {
                eprintln!("thread {thread} cannot accept: {error}");
                sleep(0.1)?;
            }
        }
        listener.put(taken.into_std()?)?;
    }
}

/// Serves in one thread, until `stop` is set or a thread fails.
fn serve(thread: usize, listener: &Listener, stop: &Event) -> Result<(), Exception> {
    let requests = Pool::new(REQUESTS);
    let accepting = spawn({
        let (listener, requests) = (listener.clone(), requests.clone());
        // The queue is shut down when the server ends.
        move || accept(thread, &listener, &requests).except(|_: &ShutDown| ())
    });
    let (its, listener) = (accepting.clone(), listener.clone());
    stop.rawlink(move |_| {
        // This closes the listener if no thread has it. A greenlet that has it, and waits for a client, is killed.
        listener.shutdown(true);
        its.kill_with(Kill {
            block: false,
            ..Kill::default()
        })
        .map(drop)
    });
    accepting.join()?;
    stop.set();
    requests.join_timeout(GRACE)?;
    match accepting.exception() {
        Some(error) if !error.is_exit() => Err(error),
        _ => Ok(()),
    }
}

fn run(address: &str) -> Result<(), Exception> {
    let bound = TcpListener::bind(address)?;
    let address = bound.local_addr()?;
    let (listener, stop) = (Listener::new(), Event::new());
    listener.put(bound.into_std()?)?;
    // Signals come to the main thread.
    for signum in [libc::SIGINT, libc::SIGTERM] {
        let stop = stop.clone();
        signal_handler(signum, move || stop.set())?;
    }
    let threads = (1..available_parallelism()?.get()).map(|number| {
        let (listener, stop) = (listener.clone(), stop.clone());
        gevent::run_in_thread(move || serve(number, &listener, &stop))
    });
    let threads: Vec<_> = threads.collect::<Result<_, _>>()?;
    println!("Listening at {address}");
    serve(0, &listener, &stop)?;
    for thread in threads {
        thread.join().expect("it does not panic")?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    gevent::run_main(|| run(&address))
}
