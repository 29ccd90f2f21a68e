//! Port forwarder with a graceful exit: gevent's example of that name.
//!
//! ```sh
//! cargo run --release --example portforwarder -- :6380 localhost:6379
//! ```
//!
//! Then `redis-cli -p 6380` talks to the Redis on port 6379.
//!
//! SIGINT (Ctrl-C) or SIGTERM stops the forwarder: it takes no more connections and no more requests, lets the replies
//! in flight finish, and exits. A second signal aborts. SIGUSR1 prints the numbers of its connections, greenlets and
//! watchers.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::process::{self, ExitCode};
use std::rc::Rc;
use std::time::{Duration, Instant};

use gevent::prelude::*;
use gevent::server::StreamServer;
use gevent::socket::{TcpStream, copy};

/// How long the target may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the client may take to close its side after the target has closed.
const LINGER: Duration = Duration::from_secs(2);
/// A connection without a reply for this long has none in flight. A forwarder that stops closes it.
const QUIET: Duration = Duration::from_millis(200);
/// A forwarder that stops closes the other connections after this time.
const GRACE: Duration = Duration::from_secs(5);

/// Prints a line to stderr, and ignores errors: the forwarder goes on if its output is not read.
macro_rules! log {
    ($($line:tt)*) => {{
        let _ = writeln!(io::stderr(), $($line)*);
    }};
}

/// The state that all connections share.
struct Forwarder {
    name: String,
    target: Vec<SocketAddr>,
    /// The open connections, by number. The client's address would not do: it may be in use again before the old
    /// connection is quite over.
    connections: RefCell<HashMap<u64, Rc<Connection>>>,
    accepted: Cell<u64>,
    stopping: Cell<bool>,
}

/// One client and its connection to the target.
struct Connection {
    client: TcpStream,
    target: TcpStream,
    /// Whether a request is not answered yet, or an answer is being sent.
    busy: Cell<bool>,
    asked: Cell<Instant>,
    answered: Cell<Instant>,
}

impl Forwarder {
    /// Serves one client; [`StreamServer`] calls this in a new greenlet for each.
    fn handle(self: &Rc<Self>, client: TcpStream, address: SocketAddr) {
        log!("{address} accepted");
        let number = self.accepted.get();
        self.accepted.set(number + 1);
        let target = match TcpStream::connect_timeout(&self.target[..], CONNECT) {
            Ok(target) => target,
            Err(error) => {
                log!("{address} failed to connect to {}: {error}", self.name);
                return;
            }
        };
        if self.stopping.get() {
            return;
        }
        let connection = Rc::new(Connection::new(client, target));
        self.connections.borrow_mut().insert(number, connection.clone());

        // Each direction has a greenlet: a new one for the requests, this one for the replies.
        let requests = spawn({
            let (forwarder, connection) = (self.clone(), connection.clone());
            move || connection.forward_requests(&forwarder.stopping)
        });
        if connection.forward_replies().is_ok() {
            // The target has sent its last reply, but may still read: wait until the client has sent nothing for a
            // while.
            while requests.join_timeout(LINGER).is_ok()
                && !requests.ready()
                && connection.asked.get().elapsed() < LINGER
                && !self.stopping.get()
            {}
        }
        let _ = requests.kill();
        self.connections.borrow_mut().remove(&number);
    }

    fn print_status(&self) -> Result<(), Exception> {
        log!(
            "status: connections={} greenlets={} watchers={}",
            self.connections.borrow().len(),
            greenlet_core::live_greenlets(),
            get_hub().loop_().activecnt()?,
        );
        Ok(())
    }

    /// Ends the connections that have no reply in flight, until there are none left.
    fn end_quiet_connections(&self) -> Result<(), Exception> {
        while !self.connections.borrow().is_empty() {
            for connection in self.connections.borrow().values() {
                if !connection.busy.get() && connection.answered.get().elapsed() > QUIET {
                    // This ends `forward_replies`, and so the connection. An error means that it is closed already.
                    let _ = connection.target.shutdown(Shutdown::Both);
                }
            }
            sleep(0.02)?;
        }
        Ok(())
    }
}

impl Connection {
    fn new(client: TcpStream, target: TcpStream) -> Connection {
        for stream in [&client, &target] {
            // Data are passed on at once, and a host that has vanished is noticed in the end. Errors do no harm.
            let _ = stream.set_nodelay(true);
            let _ = stream.with_options(|socket| socket.set_keepalive(true));
        }
        Connection {
            client,
            target,
            busy: Cell::new(false),
            asked: Cell::new(Instant::now()),
            answered: Cell::new(Instant::now()),
        }
    }

    fn forward_requests(&self, stopping: &Cell<bool>) {
        let mut requests = Requests {
            connection: self,
            stopping,
        };
        // The target is told that no more requests come. If one was not passed on, it takes no more, or shall get none:
        // replies that have come are passed on; then `forward_replies` ends.
        let _ = match copy(&mut requests.clone(), &mut requests) {
            Ok(_) => self.target.shutdown(Shutdown::Write),
            Err(_) => self.target.shutdown(Shutdown::Both),
        };
    }

    fn forward_replies(&self) -> io::Result<()> {
        copy(&mut Replies(self), &mut Replies(self))?;
        self.client.shutdown(Shutdown::Write)
    }
}

/// The requests of a connection: read from the client, written to the target.
#[derive(Clone)]
struct Requests<'a> {
    connection: &'a Connection,
    stopping: &'a Cell<bool>,
}

impl Read for Requests<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.connection.client).read(buffer);
        match read {
            Ok(_) => self.connection.asked.set(Instant::now()),
            // The client's connection was reset, so the target's is reset, too. That also ends the replies.
            Err(_) => reset(&self.connection.target),
        }
        read
    }
}

impl Write for Requests<'_> {
    fn write(&mut self, request: &[u8]) -> io::Result<usize> {
        // While stopping, a request that has begun is passed on to its end, but no new one.
        if !self.connection.busy.get() && self.stopping.get() {
            return Ok(request.len());
        }
        self.connection.busy.set(true);
        (&self.connection.target).write(request)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The replies of a connection: read from the target, written to the client.
struct Replies<'a>(&'a Connection);

impl Read for Replies<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.0.target).read(buffer);
        if read.is_err() {
            // The client is reset, so that half a reply does not look like a whole one.
            reset(&self.0.client);
        }
        read
    }
}

impl Write for Replies<'_> {
    fn write(&mut self, reply: &[u8]) -> io::Result<usize> {
        self.0.busy.set(true);
        let n = (&self.0.client).write(reply)?;
        if n == reply.len() {
            self.0.busy.set(false);
            self.0.answered.set(Instant::now());
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Closes a connection in such a way that the other side gets an error instead of an orderly end.
fn reset(stream: &TcpStream) {
    let _ = stream.with_options(|socket| socket.set_linger(Some(Duration::ZERO)));
    stream.close();
}

fn run(listen: &str, target: &str) -> Result<(), Exception> {
    let forwarder = Rc::new(Forwarder {
        name: target.to_owned(),
        target: resolve(target)?,
        connections: RefCell::default(),
        accepted: Cell::default(),
        stopping: Cell::new(false),
    });
    let server = StreamServer::new(&resolve(listen)?[..], {
        let forwarder = forwarder.clone();
        move |client, address| forwarder.handle(client, address)
    });
    server
        .start()
        .map_err(|error| Exception::msg(format!("cannot listen on {listen}: {error}")))?;
    for signum in [libc::SIGINT, libc::SIGTERM] {
        let (forwarder, server) = (forwarder.clone(), server.clone());
        gevent::signal_handler(signum, move || {
            if forwarder.stopping.replace(true) {
                log!("multiple exit signals received: aborting");
                process::exit(1);
            }
            server.close();
            Ok(())
        })?;
    }
    gevent::signal_handler(libc::SIGUSR1, {
        let forwarder = forwarder.clone();
        move || forwarder.print_status()
    })?;

    let address = server.address().expect("a started server has an address");
    log!("listening on {address}, forwarding to {target}");

    server.serve_forever()?;
    forwarder.stopping.set(true);
    let count = || forwarder.connections.borrow().len();
    log!("stopping: {} connections to finish", count());
    let finishing = forwarder.clone();
    spawn(move || finishing.end_quiet_connections());
    // The join returns when nothing is left to do; signal handlers do not count.
    let finished = get_hub().join_timeout(GRACE)?;
    if !finished {
        log!("given up: {} connections", count());
    }
    Ok(())
}

/// The addresses of `HOST:PORT`. `:PORT` means every interface.
fn resolve(address: &str) -> Result<Vec<SocketAddr>, Exception> {
    let full = if address.starts_with(':') {
        format!("0.0.0.0{address}")
    } else {
        address.to_owned()
    };
    let found = full
        .to_socket_addrs()
        .map_err(|error| Exception::msg(format!("{address}: {error}")))?;
    Ok(found.collect())
}

/// Raises the limit of open files as far as possible: each connection takes two.
fn raise_fd_limit() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current, ..limit })?)
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [listen, target] = &arguments[..] else {
        eprintln!("usage: portforwarder LISTEN TARGET, each as HOST:PORT");
        return ExitCode::from(2);
    };
    let _ = raise_fd_limit();
    match run(listen, target) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portforwarder: {error}");
            ExitCode::FAILURE
        }
    }
}
