//! [`StreamServer`]: a greenlet for each connection. Source: gevent's `server.py`.
//!
//! ```
//! use std::io::{Read, Write};
//! use gevent::server::StreamServer;
//! use gevent::socket::TcpStream;
//!
//! let server = StreamServer::new("127.0.0.1:0", |mut stream: TcpStream, _peer| {
//!     stream.write_all(b"welcome")?;
//!     Ok(())
//! });
//! server.start()?;
//! let mut text = String::new();
//! TcpStream::connect(server.address().unwrap())?.read_to_string(&mut text)?;
//! assert_eq!(text, "welcome");
//! server.stop(None)?;
//! # Ok::<(), gevent::Exception>(())
//! ```

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use greenlet_core::Exception;
use hub::Seconds;
use hub::core::CallbackResult;

pub use crate::baseserver::Spawn;

use crate::baseserver::{BaseServer, ConnectionHandler, Listen, Settings};
use crate::socket::{Address, TcpListener, TcpStream};

/// Listens at an address and calls a handler for each connection, in a greenlet of its own. The
/// connection is closed when the handler returns. Handles are cheap to clone and mean the same
/// server.
///
/// The greenlet's name, in reports and lists, says which server and whose connection it is:
/// `StreamServer 127.0.0.1:8080, peer 127.0.0.1:51234`.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::server::StreamServer;
/// use gevent::socket::TcpStream;
///
/// let server = StreamServer::new("127.0.0.1:0", |mut stream: TcpStream, _address| {
///     std::io::copy(&mut stream.clone(), &mut stream)?;
///     Ok(())
/// });
/// server.start()?;
/// let mut client = TcpStream::connect(server.address().unwrap())?;
/// client.write_all(b"echo")?;
/// let mut answer = [0; 4];
/// client.read_exact(&mut answer)?;
/// assert_eq!(&answer, b"echo");
/// server.stop(None)?;
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Clone)]
pub struct StreamServer(Rc<BaseServer>);

/// Settings of a server, for those that differ from the default: the keyword arguments and
/// attributes of gevent's.
///
/// ```
/// use gevent::pool::Pool;
/// use gevent::server::StreamServer;
///
/// let pool = Pool::new(10_000);
/// let server = StreamServer::builder()
///     .spawn(&pool)
///     .max_accept(1)
///     .build("127.0.0.1:0", |_stream, _address| ());
/// server.start()?;
/// # server.stop(None)?;
/// # Ok::<(), gevent::Exception>(())
/// ```
#[must_use]
#[derive(Debug, Default)]
pub struct Builder(Settings);

impl Builder {
    /// What runs the handlers: a [`Spawn`], a number of greenlets, or a [`Pool`](crate::pool::Pool).
    pub fn spawn(mut self, spawn: impl Into<Spawn>) -> Self {
        self.0.spawn = spawn.into();
        self
    }

    /// How many connections may wait to be accepted; 1024 by default.
    pub fn backlog(mut self, backlog: i32) -> Self {
        self.0.backlog = backlog;
        self
    }

    /// How many connections are accepted in a row before the others get their turn; 100 by
    /// default, at least 1. Less is better where several processes accept at one listener.
    pub fn max_accept(mut self, max_accept: usize) -> Self {
        self.0.max_accept = max_accept.max(1);
        self
    }

    /// How many seconds the server leaves the backlog alone after accepting has failed, as it
    /// does when no descriptors are left: 0.01 by default, and twice as long after each further
    /// failure.
    pub fn min_delay(mut self, seconds: f64) -> Self {
        // Not a number, or less than nothing, is no delay.
        self.0.min_delay = seconds.max(0.0);
        self
    }

    /// How many seconds that becomes at most; 1 by default.
    pub fn max_delay(mut self, seconds: f64) -> Self {
        self.0.max_delay = seconds;
        self
    }

    /// How many seconds [`stop`](StreamServer::stop) waits for the handlers of a pool if it is not
    /// told; 1 by default.
    pub fn stop_timeout(mut self, timeout: impl Seconds) -> Self {
        self.0.stop_timeout = timeout.seconds();
        self
    }

    /// A server at this address.
    pub fn build<R: CallbackResult>(
        self,
        address: impl Address,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> StreamServer {
        self.finish(Listen::At(address.into_endpoint()), handle)
    }

    /// A server on a listener that is there already.
    pub fn build_on<R: CallbackResult>(
        self,
        listener: TcpListener,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> StreamServer {
        self.finish(Listen::On(listener), handle)
    }

    fn finish<R: CallbackResult>(
        self,
        listen: Listen,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> StreamServer {
        let handle: ConnectionHandler =
            Rc::new(move |stream, address| handle(stream, address).into_result());
        StreamServer(BaseServer::new(listen, self.0, handle))
    }
}

/// A connection that could not be handed to its handler, or whose handler has failed in the [hub](Spawn::InHub). The
/// hub's [error handler](crate::Hub::set_error_handler) gets it as the object of such an error, after which the server
/// pauses.
///
/// Source: the pair that gevent's `baseserver.py` passes as the context.
#[non_exhaustive]
pub struct Accepted {
    /// Who has accepted it.
    pub server: StreamServer,
    /// Where it came from.
    pub address: SocketAddr,
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(({},), {:?})", self.address, self.server)
    }
}

impl StreamServer {
    pub(crate) fn of(server: &Rc<BaseServer>) -> StreamServer {
        StreamServer(server.clone())
    }

    /// A server that will listen at `address` once it is started.
    pub fn new<R: CallbackResult>(
        address: impl Address,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> Self {
        Builder::default().build(address, handle)
    }

    /// Settings first: pool, backlog.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts to listen and to accept; returns at once. After a stop it listens again at the same
    /// address, also if that was made up by the system (port 0) or came with a listener.
    ///
    /// # Errors
    /// When the address cannot be had, as for [`TcpListener::bind`].
    pub fn start(&self) -> io::Result<()> {
        self.0.start()
    }

    /// Starts, if need be, and waits until the server is stopped.
    ///
    /// # Errors
    /// When the address cannot be had; what is thrown into the current greenlet meanwhile,
    /// which also stops the server.
    #[track_caller]
    pub fn serve_forever(&self) -> Result<(), Exception> {
        self.0.serve_forever()
    }

    /// Stops to listen. Handlers that run go on, so that replies in flight are finished.
    pub fn close(&self) {
        self.0.close();
    }

    /// Stops to listen. With a [pool](Spawn::Pool), waits `timeout` seconds (if `None` the
    /// [builder's](Builder::stop_timeout)) for the handlers and kills those that still run; others
    /// go on until they are done.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn stop(&self, timeout: impl Seconds) -> Result<(), Exception> {
        self.0.stop(timeout)
    }

    /// Whether it listens.
    pub fn started(&self) -> bool {
        self.0.started()
    }

    /// The address it listens at, or did before it was stopped; none before the first start.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address()
    }

    /// The host of its [address](StreamServer::address).
    pub fn server_host(&self) -> Option<IpAddr> {
        Some(self.address()?.ip())
    }

    /// The port of its [address](StreamServer::address).
    pub fn server_port(&self) -> Option<u16> {
        Some(self.address()?.port())
    }
}

impl PartialEq for StreamServer {
    /// Whether both are handles of the same server.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for StreamServer {}

impl fmt::Debug for StreamServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
