//! [`TcpStream`].

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;

use hub::Seconds;
use socket2::{Domain, Protocol, SockRef, Type};

use super::raw::{Direction, Raw, ends_all};
use super::{Address, AddressError};

/// A TCP connection: [`std::net::TcpStream`]'s methods, but what would block parks the
/// greenlet. Clones are the same connection; it is closed when the last one is dropped.
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
#[derive(Clone)]
pub struct TcpStream(Rc<Raw>);

impl TcpStream {
    /// Connects to an address; of several, to the first that answers.
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
    /// Why the last of them did not, with an [`AddressError`] inside that says which it was; or why the
    /// name could not be looked up; at once, without the addresses that are left, what is thrown into the
    /// current greenlet meanwhile.
    #[track_caller]
    pub fn connect(address: impl Address) -> io::Result<Self> {
        Self::connect_all(address, None)
    }

    /// [`connect`](TcpStream::connect), for so long at each address.
    ///
    /// # Errors
    /// As for `connect`; [`io::ErrorKind::TimedOut`] among them.
    #[track_caller]
    pub fn connect_timeout(address: impl Address, timeout: impl Seconds) -> io::Result<Self> {
        let timeout = timeout.checked().map_err(crate::Exception::from)?;
        Self::connect_all(address, timeout)
    }

    #[track_caller]
    fn connect_all(address: impl Address, timeout: Option<f64>) -> io::Result<Self> {
        let mut failure = None;
        for address in address.into_endpoint().resolve()? {
            match Self::connect_one(address, timeout) {
                Ok(stream) => return Ok(stream),
                Err(error) if ends_all(&error) => return Err(error),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
    }

    #[track_caller]
    fn connect_one(address: SocketAddr, timeout: Option<f64>) -> io::Result<Self> {
        let socket = socket2::Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        let raw = Raw::new(socket)?;
        match Self::connect_raw(&raw, address, timeout) {
            Ok(()) => Ok(TcpStream(Rc::new(raw))),
            Err(error) => Err(AddressError::with("connect to", address, error)),
        }
    }

    #[track_caller]
    fn connect_raw(raw: &Raw, address: SocketAddr, timeout: Option<f64>) -> io::Result<()> {
        let started = raw.socket()?.connect(&address.into());
        match started {
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => {
                raw.wait(Direction::Write, timeout)?;
                raw.socket()?.take_error()?.map_or(Ok(()), Err)
            }
            connected => connected,
        }
    }

    pub(super) fn from_socket(socket: socket2::Socket) -> io::Result<Self> {
        Ok(TcpStream(Rc::new(Raw::new(socket)?)))
    }

    pub(super) fn of_nonblocking(socket: socket2::Socket) -> io::Result<Self> {
        Ok(TcpStream(Rc::new(Raw::of_nonblocking(socket)?)))
    }

    /// Takes over a standard stream.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        Self::from_socket(stream.into())
    }

    /// A second, independent descriptor for the same connection.
    ///
    /// # Errors
    /// When no descriptor is left, or the stream is closed.
    pub fn try_clone(&self) -> io::Result<Self> {
        Self::from_socket(self.0.socket()?.try_clone()?)
    }

    /// The other side's address.
    ///
    /// # Errors
    /// When the stream is closed or not connected any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        as_inet(self.0.socket()?.peer_addr()?)
    }

    /// This side's address.
    ///
    /// # Errors
    /// When the stream is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        as_inet(self.0.socket()?.local_addr()?)
    }

    /// Ends one or both directions for good.
    ///
    /// # Errors
    /// When the stream is closed or not connected any more.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.socket()?.shutdown(how)
    }

    /// Closes the connection, whoever else has a handle. Greenlets that wait for it get an
    /// `EBADF` error. Closing twice is fine.
    pub fn close(&self) {
        self.0.close();
    }

    /// Sends small writes at once.
    ///
    /// # Errors
    /// When the stream is closed.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.socket()?.set_tcp_nodelay(nodelay)
    }

    /// Whether small writes are sent at once.
    ///
    /// # Errors
    /// When the stream is closed.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.socket()?.tcp_nodelay()
    }

    /// How many seconds a read or a write may wait: `None` for ever, 0 not at all. After that
    /// they end with [`io::ErrorKind::TimedOut`], or with 0 [`io::ErrorKind::WouldBlock`].
    ///
    /// Source: Python's `settimeout`.
    ///
    /// # Errors
    /// For a time that is negative or no number.
    pub fn set_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.0
            .set_timeout(&[Direction::Read, Direction::Write], timeout)
    }

    /// [`set_timeout`](TcpStream::set_timeout) for reads only.
    ///
    /// # Errors
    /// As there.
    pub fn set_read_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.0.set_timeout(&[Direction::Read], timeout)
    }

    /// [`set_timeout`](TcpStream::set_timeout) for writes only.
    ///
    /// # Errors
    /// As there.
    pub fn set_write_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.0.set_timeout(&[Direction::Write], timeout)
    }

    /// How many seconds a write may wait.
    pub fn write_timeout(&self) -> Option<f64> {
        self.0.timeout(Direction::Write)
    }

    /// How many seconds a read may wait.
    pub fn read_timeout(&self) -> Option<f64> {
        self.0.timeout(Direction::Read)
    }

    /// What [`set_timeout`](TcpStream::set_timeout) set: [`read_timeout`](TcpStream::read_timeout).
    pub fn timeout(&self) -> Option<f64> {
        self.read_timeout()
    }

    /// The error that the connection has run into, if any; asking takes it away.
    ///
    /// # Errors
    /// When the stream is closed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.socket()?.take_error()
    }

    /// Reads without taking what it read: the next read gets it again.
    ///
    /// # Errors
    /// As for [`Read::read`].
    #[track_caller]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0
            .retry(Direction::Read, |socket| socket.peek(as_uninit(buf)))
    }

    /// Lends the descriptor, for what takes [`AsFd`](std::os::fd::AsFd): it stays open until `f` has returned.
    ///
    /// To keep one, [`try_clone_to_owned`](std::os::fd::BorrowedFd::try_clone_to_owned) it.
    ///
    /// ```
    /// use std::io::Read;
    /// use gevent::socket::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut client = TcpStream::connect(listener.local_addr()?)?;
    /// let (stream, _) = listener.accept()?;
    /// let copy = stream.with_fd(|fd| fd.try_clone_to_owned())??;
    /// stream.close();
    /// // The copy keeps the connection open.
    /// drop(TcpStream::try_from(copy)?);
    /// assert_eq!(client.read(&mut [0])?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the stream is closed.
    pub fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> io::Result<R> {
        self.0.with_fd(f)
    }

    /// All options of the socket.
    ///
    /// # Errors
    /// When the stream is closed.
    pub fn with_options<R>(&self, f: impl FnOnce(SockRef<'_>) -> R) -> io::Result<R> {
        let socket = self.0.socket()?;
        Ok(f(SockRef::from(&*socket)))
    }
}

pub(super) fn as_inet(address: socket2::SockAddr) -> io::Result<SocketAddr> {
    address
        .as_socket()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an internet address"))
}

/// The buffer as `socket2` wants it where it has no call for initialised ones.
#[allow(unsafe_code)]
fn as_uninit(buf: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: `u8` and `MaybeUninit<u8>` have the same layout, and the kernel writes only whole
    // bytes there, so that what was initialised remains so.
    unsafe { &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) }
}

impl Read for &TcpStream {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf.len(), |socket| (&*socket).read(buf))
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let len = bufs.iter().map(|b| b.len()).sum();
        self.0.read(len, |socket| (&*socket).read_vectored(bufs))
    }
}

impl Write for &TcpStream {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0
            .retry(Direction::Write, |socket| (&*socket).write(buf))
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0
            .retry(Direction::Write, |socket| (&*socket).write_vectored(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Write for TcpStream {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TryFrom<OwnedFd> for TcpStream {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        Self::from_socket(fd.into())
    }
}

impl AsRawFd for TcpStream {
    /// The descriptor, or -1 once the stream is closed.
    fn as_raw_fd(&self) -> RawFd {
        self.0.fd().unwrap_or(-1)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TcpStream");
        match self.0.fd() {
            Some(fd) => debug.field("fd", &fd),
            None => debug.field("closed", &true),
        };
        if let Ok(address) = self.local_addr() {
            debug.field("addr", &address);
        }
        if let Ok(address) = self.peer_addr() {
            debug.field("peer", &address);
        }
        debug.finish()
    }
}
