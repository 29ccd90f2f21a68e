//! [`TcpListener`].

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;

use hub::Seconds;
use socket2::{Domain, Protocol, Type};

use super::raw::{Direction, RawSocket, ends_all};
use super::stream::as_inet;
use super::{Address, AddressError, TcpStream};

/// How many connections may wait to be accepted, unless told otherwise.
const BACKLOG: i32 = 1024;

/// A socket that accepts connections: [`std::net::TcpListener`]'s methods, but waiting parks
/// the greenlet. Clones are the same listener.
#[derive(Clone)]
pub struct TcpListener(Rc<RawSocket>);

impl TcpListener {
    /// Listens at an address, with `SO_REUSEADDR`; of several, at the first that can be had.
    ///
    /// # Errors
    /// Why the last of them could not, with an [`AddressError`] inside that says which it was; or why the
    /// name could not be looked up.
    pub fn bind(address: impl Address) -> io::Result<Self> {
        Self::bind_with_backlog(address, BACKLOG)
    }

    /// [`bind`](TcpListener::bind), with room for so many connections that nobody accepts yet.
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
    /// When it cannot be made non-blocking.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        Ok(TcpListener(Rc::new(RawSocket::new(listener.into())?)))
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// When no descriptor is left for it, when the listener is closed, when it takes longer than
    /// [allowed](TcpListener::set_timeout).
    #[track_caller]
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accepted = self.0.retry(Direction::Read, accept);
        connection(accepted?)
    }

    /// A connection if one waits already, `None` if not.
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

    /// How many seconds [`accept`](TcpListener::accept) may wait: `None` for ever, 0 not at all. After
    /// that it ends with [`io::ErrorKind::TimedOut`], or with 0 [`io::ErrorKind::WouldBlock`].
    ///
    /// Source: Python's `settimeout`.
    ///
    /// # Errors
    /// For a time that is negative or no number.
    pub fn set_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.0.set_timeout(&[Direction::Read], timeout)
    }

    /// What [`set_timeout`](TcpListener::set_timeout) set.
    pub fn timeout(&self) -> Option<f64> {
        self.0.timeout(Direction::Read)
    }

    /// The connections, as they come.
    ///
    /// It goes on after errors of single connections, after its own [timeout](TcpListener::set_timeout), which
    /// is one of each wait, and when no descriptor is left; others get their turn before it tries again. It ends, after
    /// it has yielded the error, when the listener is closed, and when something is thrown into the greenlet that waits.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming {
            listener: Some(self),
            pause: false,
        }
    }

    /// The address it listens at.
    ///
    /// # Errors
    /// When the listener is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        as_inet(self.0.socket()?.local_addr()?)
    }

    /// A second descriptor for the same listener. It has the same timeout at first, is closed on its own, and may be
    /// waited for by another greenlet.
    ///
    /// # Errors
    /// When no descriptor is left, or the listener is closed.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(TcpListener)
    }

    /// With `true`, [`accept`](TcpListener::accept) does not wait: [`set_timeout`](TcpListener::set_timeout) of 0. With
    /// `false` it does, for ever: of `None`.
    ///
    /// Source: Python's `setblocking`.
    ///
    /// # Errors
    /// None; std's method of this name has some.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.set_timeout(nonblocking.then_some(0.0))
    }

    /// How long packets of its connections may travel: `IP_TTL`.
    ///
    /// # Errors
    /// When the listener is closed; for 0, or more than 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.socket()?.set_ttl_v4(ttl)
    }

    /// What [`set_ttl`](TcpListener::set_ttl) sets.
    ///
    /// # Errors
    /// When the listener is closed.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.socket()?.ttl_v4()
    }

    /// The error that the listener has run into, if any; asking takes it away.
    ///
    /// # Errors
    /// When the listener is closed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.socket()?.take_error()
    }

    /// Lends the descriptor, for what takes [`AsFd`](std::os::fd::AsFd): it stays open until `f` has returned.
    ///
    /// # Errors
    /// When the listener is closed.
    pub fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> io::Result<R> {
        self.0.with_fd(f)
    }

    /// Stops to listen, whoever else has a handle. Greenlets that wait in
    /// [`accept`](TcpListener::accept) get an `EBADF` error. Closing twice is fine.
    pub fn close(&self) {
        self.0.close();
    }
}

fn connection(
    (socket, address): (socket2::Socket, socket2::SockAddr),
) -> io::Result<(TcpStream, SocketAddr)> {
    Ok((TcpStream::of_nonblocking(socket)?, as_inet(address)?))
}

/// A connection that does not block, by one system call where that can be.
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

/// The connections of a [`TcpListener`]: see [`incoming`](TcpListener::incoming).
#[derive(Debug)]
pub struct Incoming<'a> {
    /// None when it is over.
    listener: Option<&'a TcpListener>,
    /// Whether the next try would fail as the last one did unless others run before.
    pause: bool,
}

/// So many seconds are left to others after a failure that they may mend.
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

/// Whether the listener will never accept anything any more.
pub(crate) fn is_of_listener(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EBADF | libc::EINVAL | libc::ENOTSOCK)
    )
}

/// Whether nothing has waited, and nothing will: no descriptor or no memory is left, or no time is allowed.
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
