//! [`TcpStream`]: a TCP connection.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use hub::Seconds;
use socket2::{Domain, Protocol, Type};

use super::methods::{socket_methods, stream_methods};
use super::raw::{Limit, RawSocket, ends_all, valid_timeout};
use super::{Address, AddressError};

/// A TCP connection. It has the methods of [`std::net::TcpStream`], but they park the greenlet instead of blocking the
/// thread. Clones are handles of the same connection, which is closed when the last one is dropped.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::socket::{TcpListener, TcpStream};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let server = gevent::spawn(move || {
///     let (mut stream, _) = listener.accept()?;
///     let mut text = String::new();
///     stream.read_to_string(&mut text)?;
///     Ok(text)
/// });
/// TcpStream::connect(address)?.write_all(b"hello")?;
/// assert_eq!(server.get()?, "hello");
/// # Ok::<(), gevent::Exception>(())
/// ```
pub struct TcpStream(pub(super) Rc<RawSocket>);

impl TcpStream {
    /// Connects to an address. If there are several, it connects to the first one that answers.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use gevent::socket::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let address = listener.local_addr()?;
    /// listener.close();
    /// let error = TcpStream::connect(address).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    /// assert!(error.to_string().contains(&address.to_string()));
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// # Errors
    /// Returns the error of the last address, with an [`AddressError`] inside, or that of looking the name up. An
    /// exception that is thrown into the current greenlet meanwhile is returned at once; further addresses are not
    /// tried.
    #[track_caller]
    pub fn connect(address: impl Address) -> io::Result<Self> {
        Self::connect_all(address, None)
    }

    /// [`connect`](TcpStream::connect) with a time limit in seconds for the whole call: for looking the name up, and
    /// for all addresses together. With `None` it waits for as long as the system tries, with 0 not at all. (std's
    /// method takes one address, and does not accept 0.)
    ///
    /// # Errors
    /// Fails as `connect` does, and with [`io::ErrorKind::TimedOut`] when the time is over, or, if the time is 0 and
    /// the system does not connect at once, or a name is to be looked up, with [`io::ErrorKind::WouldBlock`]. Fails
    /// with [`io::ErrorKind::InvalidInput`] for a time that is negative or not a number.
    #[track_caller]
    pub fn connect_timeout(address: impl Address, timeout: impl Seconds) -> io::Result<Self> {
        Self::connect_all(address, valid_timeout(timeout)?)
    }

    #[track_caller]
    fn connect_all(address: impl Address, timeout: Option<f64>) -> io::Result<Self> {
        let limit = Limit::of_the_whole(timeout);
        let mut failure = None;
        for address in address.into_endpoint().resolve_timeout(timeout)? {
            if let Err(over) = limit.check() {
                return Err(failure.unwrap_or(over));
            }
            match Self::connect_one(address, limit) {
                Ok(stream) => return Ok(stream),
                Err(error) if ends_all(&error) => return Err(error),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
    }

    #[track_caller]
    fn connect_one(address: SocketAddr, limit: Limit<'_>) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        let raw = RawSocket::new(socket)?;
        match raw.connect(&address.into(), limit) {
            Ok(()) => Ok(TcpStream(Rc::new(raw))),
            Err(error) => Err(AddressError::with("connect to", address, error)),
        }
    }

    pub(super) fn of_nonblocking(socket: socket2::Socket) -> io::Result<Self> {
        Ok(TcpStream(Rc::new(RawSocket::of_nonblocking(socket)?)))
    }

    /// The address of the other side.
    ///
    /// # Errors
    /// Fails if the stream is closed or not connected any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        as_inet(self.0.socket()?.peer_addr()?)
    }

    /// The address of this side.
    ///
    /// # Errors
    /// Fails if the stream is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        as_inet(self.0.socket()?.local_addr()?)
    }

    /// Sets whether small writes are sent at once: `TCP_NODELAY`.
    ///
    /// # Errors
    /// Fails if the stream is closed.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.socket()?.set_tcp_nodelay(nodelay)
    }

    /// Whether small writes are sent at once.
    ///
    /// # Errors
    /// Fails if the stream is closed.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.socket()?.tcp_nodelay()
    }

    /// Sets how many hops packets may travel: `IP_TTL`.
    ///
    /// # Errors
    /// Fails if the stream is closed, and for 0 and for more than 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.socket()?.set_ttl_v4(ttl)
    }

    /// The number that [`set_ttl`](TcpStream::set_ttl) sets.
    ///
    /// # Errors
    /// Fails if the stream is closed.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.socket()?.ttl_v4()
    }
}

pub(super) fn as_inet(address: socket2::SockAddr) -> io::Result<SocketAddr> {
    address
        .as_socket()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not an internet address"))
}

socket_methods!(TcpStream, std::net::TcpStream);
stream_methods!(TcpStream);
