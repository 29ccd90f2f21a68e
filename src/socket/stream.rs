//! [`TcpStream`]: a TCP connection.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr;
use std::rc::Rc;

use hub::Seconds;
use socket2::{Domain, Protocol, SockRef, Type};

use super::raw::{Direction, RawSocket, ends_all, valid_timeout};
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
#[derive(Clone)]
pub struct TcpStream(Rc<RawSocket>);

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

    /// [`connect`](TcpStream::connect) with a time limit in seconds for each address. With `None` it waits for as long
    /// as the system tries, with 0 not at all. (std's method takes one address, and does not accept 0.)
    ///
    /// # Errors
    /// Fails as `connect` does, and with [`io::ErrorKind::TimedOut`] when the time is over, or, if the time is 0 and
    /// the system does not connect at once, with [`io::ErrorKind::WouldBlock`]. Fails with
    /// [`io::ErrorKind::InvalidInput`] for a time that is negative or not a number.
    #[track_caller]
    pub fn connect_timeout(address: impl Address, timeout: impl Seconds) -> io::Result<Self> {
        Self::connect_all(address, valid_timeout(timeout)?)
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
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        let raw = RawSocket::new(socket)?;
        match Self::connect_raw(&raw, address, timeout) {
            Ok(()) => Ok(TcpStream(Rc::new(raw))),
            Err(error) => Err(AddressError::with("connect to", address, error)),
        }
    }

    #[track_caller]
    fn connect_raw(raw: &RawSocket, address: SocketAddr, timeout: Option<f64>) -> io::Result<()> {
        let started = raw.socket()?.connect(&address.into());
        match started {
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR)) => {
                if timeout == Some(0.0) {
                    return Err(io::Error::from_raw_os_error(libc::EAGAIN));
                }
                raw.wait(Direction::Write, timeout)?;
                raw.socket()?.take_error()?.map_or(Ok(()), Err)
            }
            connected => connected,
        }
    }

    pub(super) fn from_socket(socket: socket2::Socket) -> io::Result<Self> {
        Ok(TcpStream(Rc::new(RawSocket::new(socket)?)))
    }

    pub(super) fn of_nonblocking(socket: socket2::Socket) -> io::Result<Self> {
        Ok(TcpStream(Rc::new(RawSocket::of_nonblocking(socket)?)))
    }

    /// Takes over a standard stream.
    ///
    /// # Errors
    /// Fails if the stream cannot be made non-blocking.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        Self::from_socket(stream.into())
    }

    /// Makes a second descriptor for the same connection. It begins with the same timeouts and is closed on its own,
    /// and another greenlet may wait for it.
    ///
    /// # Errors
    /// Fails if no descriptor is left, or the stream is closed.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(TcpStream)
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

    /// Ends one or both directions for good, for all descriptors of the connection. Greenlets that wait to read get 0;
    /// those that wait to write fail with [`io::ErrorKind::BrokenPipe`].
    ///
    /// # Errors
    /// Fails if the stream is closed or not connected any more.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    /// Closes the connection for all its handles. Greenlets that wait for it get an `EBADF` error. Closing twice has no
    /// further effect.
    pub fn close(&self) {
        self.0.close();
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

    /// Sets whether reads and writes wait: `true` is a [timeout](TcpStream::set_timeout) of 0, and `false` one of
    /// `None`.
    ///
    /// Source: Python's `setblocking`.
    ///
    /// # Errors
    /// Never fails. The `Result` is that of std's method.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.set_timeout(nonblocking.then_some(0.0))
    }

    /// Sets how many seconds a read or a write may wait: for ever with `None`, not at all with 0. When the time is
    /// over, the call fails with [`io::ErrorKind::TimedOut`]; with 0 it fails with [`io::ErrorKind::WouldBlock`].
    ///
    /// Source: Python's `settimeout`.
    ///
    /// # Errors
    /// Fails for a time that is negative or not a number.
    pub fn set_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.0.set_timeout(&[Direction::Read, Direction::Write], timeout)
    }

    /// [`set_timeout`](TcpStream::set_timeout) for reads only.
    ///
    /// # Errors
    /// As for `set_timeout`.
    pub fn set_read_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.0.set_timeout(&[Direction::Read], timeout)
    }

    /// [`set_timeout`](TcpStream::set_timeout) for writes only.
    ///
    /// # Errors
    /// As for `set_timeout`.
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

    /// The seconds that [`set_timeout`](TcpStream::set_timeout) has set: the same as
    /// [`read_timeout`](TcpStream::read_timeout).
    pub fn timeout(&self) -> Option<f64> {
        self.read_timeout()
    }

    /// Returns the pending error of the connection (`SO_ERROR`), if any, and clears it.
    ///
    /// # Errors
    /// Fails if the stream is closed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.socket()?.take_error()
    }

    /// Reads without removing the data: the next read gets them again.
    ///
    /// # Errors
    /// As for [`Read::read`].
    #[track_caller]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return self.0.read_nothing(|socket| socket.peek(&mut []));
        }
        self.0.retry(Direction::Read, |socket| socket.peek(as_uninit(buf)))
    }

    /// Lends the descriptor to `f`, for functions that take an [`AsFd`](std::os::fd::AsFd). It stays open until `f` has
    /// returned.
    ///
    /// A descriptor to keep is made by [`try_clone_to_owned`](std::os::fd::BorrowedFd::try_clone_to_owned).
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
    /// Fails if the stream is closed.
    pub fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> io::Result<R> {
        self.0.with_fd(f)
    }

    /// Lends the socket to `f`, for the options that have no method here.
    ///
    /// # Errors
    /// Fails if the stream is closed.
    pub fn with_options<R>(&self, f: impl FnOnce(SockRef<'_>) -> R) -> io::Result<R> {
        let socket = self.0.socket()?;
        Ok(f(SockRef::from(&*socket)))
    }
}

pub(super) fn as_inet(address: socket2::SockAddr) -> io::Result<SocketAddr> {
    address
        .as_socket()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not an internet address"))
}

/// Converts a buffer for those functions of `socket2` that take only uninitialised ones.
#[allow(unsafe_code)]
fn as_uninit(buf: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: `u8` and `MaybeUninit<u8>` have the same layout, and `socket2` only passes the buffer to the kernel,
    // which writes whole bytes, so that all bytes remain initialised.
    unsafe { &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) }
}

/// The flag of every call that sends. With it a call fails without raising `SIGPIPE` if the other side is closed; that
/// signal would end a process that does not ignore or handle it. (Apple's systems have an option of the socket for
/// this, which `socket2` sets.)
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: libc::c_int = 0;

/// How many buffers the system takes in one call: its `IOV_MAX`.
const MAX_PARTS: usize = 1024;

impl Read for &TcpStream {
    #[track_caller]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return self.0.read_nothing(|mut socket| socket.read(buf));
        }
        self.0.read(buf.len(), |mut socket| socket.read(buf))
    }

    #[track_caller]
    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let count = bufs.len().min(MAX_PARTS);
        let bufs = &mut bufs[..count];
        let len = bufs.iter().map(|b| b.len()).sum();
        if len == 0 {
            // Without a byte to read, `readv`, unlike `recv`, does not look at the socket.
            return self.0.read_nothing(|_| Ok(0));
        }
        self.0.read(len, |mut socket| socket.read_vectored(bufs))
    }
}

impl Write for &TcpStream {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0
            .retry(Direction::Write, |socket| socket.send_with_flags(buf, NO_SIGNAL))
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let bufs = &bufs[..bufs.len().min(MAX_PARTS)];
        if bufs.iter().all(|buf| buf.is_empty()) {
            // Without a byte to write, `writev` does not look at the socket.
            return self.0.retry(Direction::Write, |_| Ok(0));
        }
        self.0.retry(Direction::Write, |socket| {
            socket.send_vectored_with_flags(bufs, NO_SIGNAL)
        })
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

/// Two are equal if they are handles of the same socket.
impl PartialEq for TcpStream {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TcpStream {}

impl Hash for TcpStream {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
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
