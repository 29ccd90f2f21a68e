//! [`TcpListener`]: a socket that accepts connections.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::iter::FusedIterator;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr;
use std::rc::Rc;

use hub::Seconds;
use socket2::{Domain, Protocol, Type};

use super::raw::{Direction, RawSocket, ends_all};
use super::stream::as_inet;
use super::{Address, AddressError, TcpStream};

/// How many connections may wait to be accepted, by default.
const BACKLOG: i32 = 1024;

/// A socket that accepts connections. It has the methods of [`std::net::TcpListener`], but they park the greenlet
/// instead of blocking the thread. Clones are handles of the same listener.
#[derive(Clone)]
pub struct TcpListener(Rc<RawSocket>);

impl TcpListener {
    /// Listens at an address, with `SO_REUSEADDR`. If there are several, it listens at the first one that is free.
    ///
    /// # Errors
    /// Returns the error of the last address, with an [`AddressError`] inside, or that of looking the name up.
    pub fn bind(address: impl Address) -> io::Result<Self> {
        Self::bind_with_backlog(address, BACKLOG)
    }

    /// [`bind`](TcpListener::bind), with the number of connections that may wait to be accepted.
    ///
    /// # Errors
    /// As for `bind`.
    pub fn bind_with_backlog(address: impl Address, backlog: i32) -> io::Result<Self> {
        let mut failure = None;
        for address in address.into_endpoint().resolve()? {
            match Self::bind_one(address, backlog) {
                Ok(listener) => return Ok(listener),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
    }

    fn bind_one(address: SocketAddr, backlog: i32) -> io::Result<Self> {
        let domain = Domain::for_address(address);
        let socket = socket2::Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        let listens = socket.bind(&address.into());
        let listens = listens.and_then(|()| socket.listen(backlog));
        listens.map_err(|error| AddressError::with("listen at", address, error))?;
        Ok(TcpListener(Rc::new(RawSocket::new(socket)?)))
    }

    /// Takes over a standard listener.
    ///
    /// # Errors
    /// Fails if the listener cannot be made non-blocking.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        Ok(TcpListener(Rc::new(RawSocket::new(listener.into())?)))
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// Fails if no descriptor is left for the connection, if the listener is closed, if no connection comes within the
    /// [timeout](TcpListener::set_timeout), and with an exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accepted = self.0.retry(Direction::Read, accept);
        connection(accepted?)
    }

    /// Accepts a connection if one waits already, and returns `None` if not.
    ///
    /// # Errors
    /// As for [`accept`](TcpListener::accept).
    pub fn try_accept(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        match accept(&*self.0.socket()?) {
            Ok(accepted) => connection(accepted).map(Some),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Sets how many seconds [`accept`](TcpListener::accept) may wait: for ever with `None`, not at all with 0. When
    /// the time is over, `accept` fails with [`io::ErrorKind::TimedOut`]; with 0 it fails with
    /// [`io::ErrorKind::WouldBlock`].
    ///
    /// Source: Python's `settimeout`.
    ///
    /// # Errors
    /// Fails for a time that is negative or not a number.
    pub fn set_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.0.set_timeout(&[Direction::Read], timeout)
    }

    /// The seconds that [`set_timeout`](TcpListener::set_timeout) has set.
    pub fn timeout(&self) -> Option<f64> {
        self.0.timeout(Direction::Read)
    }

    /// An iterator that waits for connections and yields them.
    ///
    /// The iterator goes on after it has yielded an error of a single connection, of the
    /// [timeout](TcpListener::set_timeout), which limits each wait, or of a lack of descriptors; after the last it lets
    /// other greenlets run for a while before it tries again. It ends, after it has yielded the error, if the listener
    /// is closed, and if an exception is thrown into the greenlet that waits.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming {
            listener: Some(self),
            pause: false,
        }
    }

    /// The address at which the socket listens.
    ///
    /// # Errors
    /// Fails if the listener is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        as_inet(self.0.socket()?.local_addr()?)
    }

    /// Makes a second descriptor for the same listener. It begins with the same timeout and is closed on its own, and
    /// another greenlet may wait for it.
    ///
    /// # Errors
    /// Fails if no descriptor is left, or the listener is closed.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(TcpListener)
    }

    /// Sets whether [`accept`](TcpListener::accept) waits: `true` is a [timeout](TcpListener::set_timeout) of 0, and
    /// `false` one of `None`.
    ///
    /// Source: Python's `setblocking`.
    ///
    /// # Errors
    /// Never fails. The `Result` is that of std's method.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.set_timeout(nonblocking.then_some(0.0))
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

    /// Returns the pending error of the listener (`SO_ERROR`), if any, and clears it.
    ///
    /// # Errors
    /// Fails if the listener is closed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.socket()?.take_error()
    }

    /// Lends the descriptor to `f`, for functions that take an [`AsFd`](std::os::fd::AsFd). It stays open until `f` has
    /// returned.
    ///
    /// # Errors
    /// Fails if the listener is closed.
    pub fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> io::Result<R> {
        self.0.with_fd(f)
    }

    /// Closes the listener for all its handles. Greenlets that wait in [`accept`](TcpListener::accept) get an `EBADF`
    /// error. Closing twice has no further effect.
    pub fn close(&self) {
        self.0.close();
    }
}

fn connection((socket, address): (socket2::Socket, socket2::SockAddr)) -> io::Result<(TcpStream, SocketAddr)> {
    Ok((TcpStream::of_nonblocking(socket)?, as_inet(address)?))
}

/// Accepts a connection as a non-blocking socket, by one system call on Linux.
fn accept(listener: &socket2::Socket) -> io::Result<(socket2::Socket, socket2::SockAddr)> {
    #[cfg(target_os = "linux")]
    return listener.accept4(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
    #[cfg(not(target_os = "linux"))]
    {
        let (socket, address) = listener.accept()?;
        socket.set_nonblocking(true)?;
        Ok((socket, address))
    }
}

/// An iterator over the connections of a [`TcpListener`], made by [`incoming`](TcpListener::incoming).
#[derive(Debug)]
pub struct Incoming<'a> {
    /// None when the iterator is over.
    listener: Option<&'a TcpListener>,
    /// Whether the next try would fail as the last one did unless other greenlets run before.
    pause: bool,
}

/// How many seconds other greenlets run after a failure that they may end, for example by closing descriptors.
const PAUSE: f64 = 0.01;

impl Incoming<'_> {
    #[track_caller]
    fn accept(&mut self, listener: &TcpListener) -> io::Result<TcpStream> {
        if std::mem::take(&mut self.pause) {
            hub::sleep(PAUSE)?;
        }
        listener.accept().map(|(stream, _)| stream)
    }
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        let accepted = self.accept(self.listener?);
        if let Err(error) = &accepted {
            if ends_all(error) || is_of_listener(error) {
                self.listener = None;
            }
            self.pause = is_for_now(error);
        }
        Some(accepted)
    }
}

impl FusedIterator for Incoming<'_> {}

/// Whether the error says that the listener cannot accept any more connections.
pub(crate) fn is_of_listener(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::EINVAL | libc::ENOTSOCK))
}

/// Whether the call has failed without waiting, and would do so again at once: no descriptor or no memory is left, or
/// the timeout is 0.
fn is_for_now(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    ) || error.kind() == io::ErrorKind::WouldBlock
}

impl TryFrom<OwnedFd> for TcpListener {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        Ok(TcpListener(Rc::new(RawSocket::new(fd.into())?)))
    }
}

impl AsRawFd for TcpListener {
    /// The descriptor, or -1 once the listener is closed.
    fn as_raw_fd(&self) -> RawFd {
        self.0.fd().unwrap_or(-1)
    }
}

/// Two are equal if they are handles of the same socket.
impl PartialEq for TcpListener {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TcpListener {}

impl Hash for TcpListener {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TcpListener");
        match self.0.fd() {
            Some(fd) => debug.field("fd", &fd),
            None => debug.field("closed", &true),
        };
        if let Ok(address) = self.local_addr() {
            debug.field("addr", &address);
        }
        debug.finish()
    }
}
