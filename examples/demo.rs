//! The first example to run: a server and ten thousand clients that talk to it, all in one thread.
//!
//! ```sh
//! cargo run --release --example demo
//! cargo run --release --example demo -- --quick
//! ```
//!
//! Each client is a greenlet, and so is the other end of its connection. All of them are plain
//! blocking code.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use gevent::hub::ExceptionStream;
use gevent::prelude::*;
use gevent::server::StreamServer;
use gevent::socket::{TcpStream, copy};
use greenlet_core::live_greenlets;
use indicatif::{ProgressBar, ProgressStyle};

/// Prints a line, and ignores errors: the demo goes on if its output is not read.
macro_rules! say {
    ($($line:tt)*) => {{
        let _ = writeln!(io::stdout(), $($line)*);
    }};
}

/// The number of clients, and of requests that each of them sends.
#[derive(Clone, Copy)]
struct Plan {
    clients: usize,
    requests_each: usize,
}

const FULL: Plan = Plan {
    clients: 10_000,
    requests_each: 20,
};
const QUICK: Plan = Plan {
    clients: 1_000,
    requests_each: 20,
};

/// A client that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);

/// The numbers of things that have been done so far.
#[derive(Default)]
struct Counts {
    connected: Cell<usize>,
    served: Cell<usize>,
    requests: Cell<usize>,
    errors: Cell<usize>,
}

fn add_one(count: &Cell<usize>) {
    count.set(count.get() + 1);
}

/// The server's side of a connection: sends back what it gets.
fn echo(mut stream: TcpStream) -> Result<(), Exception> {
    copy(&mut stream.clone(), &mut stream)?;
    Ok(())
}

/// A client: connects, waits until all clients have connected, and sends its requests, with a sleep in the middle.
fn client(id: usize, server: SocketAddr, plan: Plan, counts: &Counts, all: &Greenlet<()>) -> Result<(), Exception> {
    let mut stream = TcpStream::connect(server)?;
    add_one(&counts.connected);
    all.join()?;
    for request in 0..plan.requests_each {
        if request == plan.requests_each / 2 {
            sleep(Duration::from_millis(id as u64 % 100))?;
        }
        let question = format!("client {id:5}, request {request:3}\n");
        stream.write_all(question.as_bytes())?;
        let mut answer = vec![0; question.len()];
        stream.read_exact(&mut answer)?;
        if answer != question.as_bytes() {
            return Err(Exception::msg(format!("client {id} got {answer:?}")));
        }
        add_one(&counts.requests);
    }
    Ok(())
}

/// Causes two exceptions on purpose, and returns whether both were caught: a greenlet ends with the first, and a
/// timeout throws the second into this greenlet.
fn exceptions_arrive() -> Result<bool, Exception> {
    let hub = get_hub();
    hub.set_exception_stream(ExceptionStream::Discard); // expected, so not printed
    let failing = spawn(|| Ok("forty-two".parse::<u32>()?));
    let failed = failing.get().is_err_and(|error| error.is::<std::num::ParseIntError>());
    hub.set_exception_stream(ExceptionStream::Stderr);

    let timeout = Timeout::start_new(0.05);
    let timed_out = sleep(LIMIT).is_err_and(|error| timeout.caused(&error));
    Ok(failed && timed_out)
}

/// Shows the progress, until its greenlet is killed.
fn show_progress(plan: Plan, counts: &Counts) -> Result<(), Exception> {
    let total = plan.clients * (1 + plan.requests_each);
    let style = "{msg:<10} [{bar:50}] {percent:>3}%  {elapsed}";
    let bar = ProgressBar::new(total as u64).with_style(ProgressStyle::with_template(style)?.progress_chars("=> "));
    let mut next_line = 0;
    let mut killed = false;
    while !killed {
        killed = sleep(0.05).is_err();
        let (connected, requests) = (counts.connected.get(), counts.requests.get());
        let done = connected + requests;
        if bar.is_hidden() && (done >= next_line || killed) {
            // The output is no terminal: print a line now and then instead of the bar.
            say!("{connected} connected, {requests} requests answered");
            next_line = done + total / 5;
        }
        let everybody = connected == plan.clients;
        bar.set_message(if everybody { "conversing" } else { "connecting" });
        bar.set_position(done as u64);
    }
    bar.abandon(); // stays on the screen as it is
    Ok(())
}

/// The resident memory of this process in bytes, where the system tells.
fn resident_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? * 1024)
}

/// Raises the limit of open files as far as possible, and plans no more clients than it allows. Both ends of each
/// connection are files of this process.
fn fit_to_fd_limit(mut plan: Plan) -> Plan {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const RESERVE: u64 = 64;
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let _ = setrlimit(Resource::Nofile, raised);
    if let Some(files) = getrlimit(Resource::Nofile).current {
        let possible = (files.saturating_sub(RESERVE) / 2) as usize;
        if possible < plan.clients {
            say!(
                "Only {possible} clients instead of {}: this process may open {files} files (ulimit -n).",
                plan.clients
            );
            plan.clients = possible;
        }
    }
    plan
}

/// Starts the clients, and returns when all are connected. Each client counts its own failure.
fn spawn_clients(plan: Plan, server: SocketAddr, counts: &Rc<Counts>) -> Result<Vec<Greenlet<()>>, Exception> {
    // This greenlet, which the clients join, ends when both ends of every connection are there.
    let all_connected = spawn({
        let counts = counts.clone();
        move || {
            while counts.served.get() + counts.errors.get() < plan.clients {
                sleep(0.01)?;
            }
            Ok(())
        }
    });
    let spawn_client = |id| {
        let (counts, all_connected) = (counts.clone(), all_connected.clone());
        // A client begins every 100 microseconds, so that not all connect at the same moment.
        spawn_later(id as f64 / 10_000.0, move || {
            if let Err(error) = client(id, server, plan, &counts, &all_connected) {
                add_one(&counts.errors);
                eprintln!("client {id}: {error}");
            }
        })
    };
    let clients = (0..plan.clients).map(spawn_client).collect();
    all_connected.join_timeout(LIMIT)?;
    Ok(clients)
}

fn run(plan: Plan) -> Result<bool, Exception> {
    let start = Instant::now();
    let counts = Rc::new(Counts::default());
    let (greenlets_before, memory_before) = (live_greenlets(), resident_memory());

    let server = StreamServer::builder().backlog(4096).build("127.0.0.1:0", {
        let counts = counts.clone();
        move |stream, _address| {
            add_one(&counts.served);
            echo(stream)
        }
    });
    server.start()?;
    let address = server.address().expect("a started server has an address");
    let progress = spawn({
        let counts = counts.clone();
        move || show_progress(plan, &counts)
    });

    let clients = spawn_clients(plan, address, &counts)?;
    let greenlets = live_greenlets() - greenlets_before;
    let memory = resident_memory().zip(memory_before);
    let conversation = Instant::now();
    let caught = exceptions_arrive()?;
    let ended = joinall_timeout(&clients, LIMIT)?.len();
    let seconds = conversation.elapsed().as_secs_f64();
    progress.kill()?;
    server.stop()?;

    let requests = counts.requests.get();
    let errors = counts.errors.get() + (plan.clients - ended);
    let memory = memory.map_or("unknown".to_owned(), |(now, before)| {
        let each = now.saturating_sub(before) as f64 / greenlets as f64;
        format!("{:.1} KiB, its socket included", each / 1024.0)
    });
    let backend = get_hub().loop_().backend()?;
    let rate = format!("{:.0}", requests as f64 / seconds);
    let caught_text = if caught { "2, both caught" } else { "LOST" };
    let total = start.elapsed().as_secs_f64();
    say!();
    for (what, value) in [
        ("libev", format!("{} ({backend})", env!("GEVENT_LIBEV_VERSION"))),
        ("clients", plan.clients.to_string()),
        ("greenlets alive at peak", greenlets.to_string()),
        ("memory per greenlet", memory),
        ("requests per second", format!("{rate} ({requests} in {seconds:.1} s)")),
        ("exceptions on purpose", caught_text.to_owned()),
        ("errors", errors.to_string()),
        ("total time", format!("{total:.1} s, in one thread")),
    ] {
        say!("  {what:24} {value}");
    }
    Ok(caught && errors == 0 && requests == plan.clients * plan.requests_each)
}

fn main() -> ExitCode {
    let plan = match std::env::args().nth(1).as_deref() {
        None => FULL,
        Some("--quick") => QUICK,
        Some(_) => {
            eprintln!("usage: demo [--quick]");
            return ExitCode::from(2);
        }
    };
    match run(fit_to_fd_limit(plan)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}
