//! [`TcpListener`]: a socket that accepts connections.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::bind::Bind;
use super::incoming::{Incoming, Listener};
use super::methods::socket_methods;
use super::raw::RawSocket;
use super::tcp_stream::as_inet;
use super::{Address, Endpoint, TcpStream};

/// A socket that accepts connections. It has the methods of [`std::net::TcpListener`], but they park the greenlet
/// instead of blocking the thread. Clones are handles of the same listener.
pub struct TcpListener(pub(super) Rc<RawSocket>);

impl TcpListener {
    /// Listens at an address, with `SO_REUSEADDR`. If there are several, it listens at the first one that is free.
    ///
    /// # Errors
    /// Returns the error of the last address, with an [`AddressError`](super::AddressError) inside, or that of looking
    /// the name up.
    pub fn bind(address: impl Address) -> io::Result<Self> {
        Self::bind_with(address.into_endpoint(), &Bind::default())
    }

    /// [`bind`](TcpListener::bind), with the number of connections that may wait to be accepted.
    ///
    /// # Errors
    /// As for `bind`.
    pub fn bind_with_backlog(address: impl Address, backlog: i32) -> io::Result<Self> {
        let settings = Bind {
            backlog,
            ..Bind::default()
        };
        Self::bind_with(address.into_endpoint(), &settings)
    }

    pub(crate) fn bind_with(endpoint: Endpoint, settings: &Bind) -> io::Result<Self> {
        settings.listen(endpoint).map(TcpListener)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// Fails if no descriptor is left for the connection, if the listener is closed, if no connection comes within the
    /// [timeout](TcpListener::set_timeout), and with an exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        connection(self.0.accept()?)
    }

    /// Accepts a connection if one waits already, and returns `None` if not.
    ///
    /// # Errors
    /// As for [`accept`](TcpListener::accept).
    pub fn try_accept(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        self.0.try_accept()?.map(connection).transpose()
    }

    /// An iterator that waits for connections and yields them.
    ///
    /// The iterator goes on after it has yielded an error of a single connection, of the
    /// [timeout](TcpListener::set_timeout), which limits each wait, or of a lack of descriptors; after the last it lets
    /// other greenlets run for a while before it tries again. It ends, after it has yielded the error, if the listener
    /// is closed, and if an exception is thrown into the greenlet that waits.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming::of(self)
    }

    /// The address at which the socket listens.
    ///
    /// # Errors
    /// Fails if the listener is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        as_inet(self.0.socket()?.local_addr()?)
    }

    /// Sets how many hops the packets of the listener's connections may travel: `IP_TTL`.
    ///
    /// # Errors
    /// Fails if the listener is closed, and for 0 and for more than 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.socket()?.set_ttl_v4(ttl)
    }

    /// The number that [`set_ttl`](TcpListener::set_ttl) sets.
    ///
    /// # Errors
    /// Fails if the listener is closed.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.socket()?.ttl_v4()
    }
}

socket_methods!(TcpListener, std::net::TcpListener);

fn connection((socket, address): (socket2::Socket, socket2::SockAddr)) -> io::Result<(TcpStream, SocketAddr)> {
    Ok((TcpStream::of_nonblocking(socket)?, as_inet(address)?))
}

impl Listener for TcpListener {
    #[track_caller]
    fn next_stream(&self) -> io::Result<TcpStream> {
        self.accept().map(|(stream, _)| stream)
    }
}
