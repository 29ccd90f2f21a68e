//! [`StreamServer`]: a TCP server with a greenlet for each connection. Source: gevent's `server.py`.
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
//! server.stop()?;
//! # Ok::<(), gevent::Exception>(())
//! ```

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ptr;
use std::rc::Rc;

use greenlet_core::Exception;
use hub::Seconds;
use hub::core::CallbackResult;

pub use crate::baseserver::Spawn;

use crate::baseserver::{BaseServer, ConnectionHandler, Listen, Settings};
use crate::pool::Pool;
use crate::socket::{Address, TcpListener, TcpStream};

/// A server that listens at an address and calls a handler for each connection, in a greenlet of its own. A connection
/// is closed when its handler returns. Clones are handles of the same server, and cheap.
///
/// The greenlet of a connection is named after server and peer, for reports and lists:
/// `StreamServer 127.0.0.1:8080, peer 127.0.0.1:51234`.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::server::StreamServer;
/// use gevent::socket::TcpStream;
///
/// let server = StreamServer::new("127.0.0.1:0", |mut stream: TcpStream, _address| {
///     gevent::socket::copy(&mut stream.clone(), &mut stream)?;
///     Ok(())
/// });
/// server.start()?;
/// let mut client = TcpStream::connect(server.address().unwrap())?;
/// client.write_all(b"echo")?;
/// let mut answer = [0; 4];
/// client.read_exact(&mut answer)?;
/// assert_eq!(&answer, b"echo");
/// server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Clone)]
pub struct StreamServer(Rc<BaseServer>);

/// Makes a server with settings other than the defaults: the keyword arguments and attributes of gevent's servers.
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
/// # server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
#[must_use]
#[derive(Debug, Default)]
pub struct Builder(Settings);

impl Builder {
    /// Sets where the handlers run: a [`Spawn`], a number of greenlets, or a [`Pool`].
    pub fn spawn(mut self, spawn: impl Into<Spawn>) -> Self {
        self.0.spawn = spawn.into();
        self
    }

    /// Sets how many connections may wait to be accepted; 1024 by default.
    pub fn backlog(mut self, backlog: i32) -> Self {
        self.0.backlog = backlog;
        self
    }

    /// Sets how many connections are accepted in a row before other greenlets run; 100 by default, at least 1. Fewer
    /// are better where several processes accept at one listener.
    pub fn max_accept(mut self, max_accept: usize) -> Self {
        self.0.max_accept = max_accept.max(1);
        self
    }

    /// Sets how many seconds the server does not accept after accepting has failed, as it does when no descriptors are
    /// left: 0.01 by default. The delay doubles with each further failure in a row.
    pub fn min_delay(mut self, seconds: impl Seconds) -> Self {
        // `max` makes no delay of a negative number and of NaN. `None` is no delay, too.
        self.0.min_delay = seconds.seconds().unwrap_or(0.0).max(0.0);
        self
    }

    /// Sets how many seconds the [delay](Builder::min_delay) becomes at most; 1 by default.
    pub fn max_delay(mut self, seconds: impl Seconds) -> Self {
        self.0.max_delay = seconds.seconds().unwrap_or(f64::INFINITY);
        self
    }

    /// Sets how many seconds [`stop`](StreamServer::stop) waits for the handlers of a pool if it is given `None`; 1 by
    /// default.
    pub fn stop_timeout(mut self, timeout: impl Seconds) -> Self {
        self.0.stop_timeout = timeout.seconds();
        self
    }

    /// Makes a server that will listen at `address` once it is started.
    pub fn build<R: CallbackResult>(
        self,
        address: impl Address,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> StreamServer {
        self.finish(Listen::At(address.into_endpoint()), handle)
    }

    /// Makes a server that will accept from `listener` once it is started.
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
        let handle: ConnectionHandler = Rc::new(move |stream, address| handle(stream, address).into_result());
        StreamServer(BaseServer::new(listen, self.0, handle))
    }
}

/// A connection that could not be handed to its handler, or whose handler has failed in the [hub](Spawn::InHub). The
/// hub's [error handler](crate::Hub::set_error_handler) gets the connection as the context of such an error. After it
/// the server pauses.
///
/// Source: the pair that gevent's `baseserver.py` passes as the context.
#[non_exhaustive]
pub struct Accepted {
    /// The server that has accepted the connection.
    pub server: StreamServer,
    /// The address of the peer.
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

    /// Makes a server with the default settings, which will listen at `address` once it is started.
    pub fn new<R: CallbackResult>(
        address: impl Address,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> Self {
        Builder::default().build(address, handle)
    }

    /// Begins a server with settings of its own: pool, backlog and so on.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts to listen and to accept, and returns at once. A server that was stopped listens again at the same
    /// address, also if the system has chosen it (port 0) or if it was that of a given listener.
    ///
    /// # Errors
    /// Fails as [`TcpListener::bind`] does, when the server cannot listen at the address.
    pub fn start(&self) -> io::Result<()> {
        self.0.start()
    }

    /// Starts the server unless it is started, and waits until it is stopped.
    ///
    /// # Errors
    /// Fails as [`start`](StreamServer::start) does, and with an exception that is thrown into the current greenlet
    /// meanwhile. Such an exception also stops the server.
    #[track_caller]
    pub fn serve_forever(&self) -> Result<(), Exception> {
        self.0.serve_forever()
    }

    /// Stops listening. Handlers that run go on, so that they can finish their replies.
    pub fn close(&self) {
        self.0.close();
    }

    /// Stops listening. With a [pool](Spawn::Pool), also waits for the handlers and kills those that still run after
    /// the time of the [builder](Builder::stop_timeout), 1 second unless it says otherwise. Without a pool, handlers go
    /// on until they are done.
    ///
    /// # Errors
    /// Fails with an exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn stop(&self) -> Result<(), Exception> {
        self.stop_timeout(None)
    }

    /// [`stop`](StreamServer::stop) with another time for the handlers, in seconds; `None` means the builder's.
    ///
    /// # Errors
    /// Fails as `stop` does, and for a time that is not a number.
    #[track_caller]
    pub fn stop_timeout(&self, timeout: impl Seconds) -> Result<(), Exception> {
        self.0.stop(timeout)
    }

    /// Whether the server listens.
    pub fn started(&self) -> bool {
        self.0.started()
    }

    /// Whether the server has no listener: before it is started, unless it was given one, and after it is closed.
    pub fn closed(&self) -> bool {
        self.0.closed()
    }

    /// Whether the [pool](StreamServer::pool) is full, so that no connection is accepted. False without a pool.
    pub fn full(&self) -> bool {
        self.pool().is_some_and(|pool| pool.full())
    }

    /// The pool in which the handlers run, if there is one.
    pub fn pool(&self) -> Option<&Pool> {
        self.0.pool()
    }

    /// The address at which the server listens, or has listened before it was stopped. Before the first start the one
    /// at which it is to listen, with port 0 if the system is to choose one; none if that has to be looked up.
    ///
    /// ```
    /// use gevent::server::StreamServer;
    ///
    /// let server = StreamServer::new("127.0.0.1:0", |_stream, _address| ());
    /// assert!(server.closed() && server.server_port() == Some(0));
    /// server.start()?;
    /// assert!(!server.closed() && server.server_port() != Some(0));
    /// # server.stop()?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address()
    }

    /// The host of the server's [address](StreamServer::address).
    pub fn server_host(&self) -> Option<IpAddr> {
        Some(self.address()?.ip())
    }

    /// The port of the server's [address](StreamServer::address), also if only the host has to be looked up.
    pub fn server_port(&self) -> Option<u16> {
        self.0.port()
    }
}

impl PartialEq for StreamServer {
    /// Whether both are handles of the same server.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for StreamServer {}

impl Hash for StreamServer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
    }
}

impl fmt::Debug for StreamServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
