//! [`StreamServer`]: a greenlet for each connection. Source: gevent's `server.py`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use greenlet_core::Exception;
use hub::Seconds;

pub use crate::baseserver::Spawn;

use crate::baseserver::{BaseServer, Handle, Listen};
use crate::outcome::Outcome;
use crate::socket::{Address, TcpListener, TcpStream};

/// How many connections may wait to be accepted, unless told otherwise.
const BACKLOG: i32 = 1024;

/// Listens at an address and calls a handler for each connection, in a greenlet of its own. The
/// connection is closed when the handler returns. Handles are cheap to clone and mean the same
/// server.
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

/// Settings of a server, for those that differ from the default.
#[derive(Debug)]
pub struct Builder {
    spawn: Spawn,
    backlog: i32,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            spawn: Spawn::Default,
            backlog: BACKLOG,
        }
    }
}

impl Builder {
    /// What runs the handlers.
    pub fn spawn(mut self, spawn: Spawn) -> Self {
        self.spawn = spawn;
        self
    }

    /// How many connections may wait to be accepted.
    pub fn backlog(mut self, backlog: i32) -> Self {
        self.backlog = backlog;
        self
    }

    /// A server at this address.
    pub fn build<R: Outcome<Value = ()>>(
        self,
        address: impl Address,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> StreamServer {
        self.finish(Listen::At(address.into_endpoint()), handle)
    }

    /// A server on a listener that is there already.
    pub fn build_on<R: Outcome<Value = ()>>(
        self,
        listener: TcpListener,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> StreamServer {
        self.finish(Listen::On(listener), handle)
    }

    fn finish<R: Outcome<Value = ()>>(
        self,
        listen: Listen,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> StreamServer {
        let handle: Handle = Rc::new(move |stream, address| handle(stream, address).into_result());
        StreamServer(BaseServer::new(listen, self.backlog, self.spawn, handle))
    }
}

impl StreamServer {
    /// A server that will listen at `address` once it is started.
    pub fn new<R: Outcome<Value = ()>>(
        address: impl Address,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> Self {
        Builder::default().build(address, handle)
    }

    /// Settings first: pool, backlog.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts to listen and to accept; returns at once.
    ///
    /// # Errors
    /// When the address cannot be had.
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

    /// Stops to listen. With a [pool](Spawn::Pool), waits `timeout` seconds (1 if `None`) for
    /// the handlers and kills those that still run; others go on until they are done.
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

    /// The address it listens at, while it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address()
    }
}

impl fmt::Debug for StreamServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
