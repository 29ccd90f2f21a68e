//! [`StreamServer`]: a server of connections.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::ops::Deref;

use hub::core::CallbackResult;

use super::Builder;
use crate::baseserver::BaseServer;
use crate::socket::{Address, Listener, TcpListener, TcpStream};

/// A server that listens at an address and calls a handler for each connection, in a greenlet of its own. A connection
/// is closed when its handler returns. Clones are handles of the same server, and cheap. Its methods are those of
/// [`BaseServer`].
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
///
/// The parameter is the type of the listener: `StreamServer` alone is a TCP server, and `StreamServer<UnixListener>`
/// one of Unix sockets, which a [builder](Builder::build_at_path) makes.
pub struct StreamServer<L: Listener = TcpListener>(BaseServer<L>);

impl StreamServer {
    /// Makes a server with the default settings, which will listen at `address` once it is started.
    pub fn new<R: CallbackResult>(
        address: impl Address,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> Self {
        Self::builder().build(address, handle)
    }

    /// Begins a server with settings of its own: pool, backlog and so on; or a server of a given listener or path.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl<L: Listener> StreamServer<L> {
    pub(crate) fn of(base: BaseServer<L>) -> Self {
        StreamServer(base)
    }
}

/// The methods that all servers have.
impl<L: Listener> Deref for StreamServer<L> {
    type Target = BaseServer<L>;

    fn deref(&self) -> &BaseServer<L> {
        &self.0
    }
}

impl<L: Listener> Clone for StreamServer<L> {
    fn clone(&self) -> Self {
        StreamServer(self.0.clone())
    }
}

/// Two are equal if they are handles of the same server.
impl<L: Listener> PartialEq for StreamServer<L> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<L: Listener> Eq for StreamServer<L> {}

impl<L: Listener> Hash for StreamServer<L> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<L: Listener> fmt::Debug for StreamServer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
