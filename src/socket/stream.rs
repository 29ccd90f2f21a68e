//! [`TcpStream`].

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;

use hub::Seconds;
use socket2::{Domain, Protocol, SockRef, Type};

use super::raw::{Direction, RawSocket, ends_all, valid_timeout};
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
pub struct TcpStream(Rc<RawSocket>);

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

    /// [`connect`](TcpStream::connect), for so many seconds at each address: `None` for as long as the system tries,
    /// 0 not at all. (std's has one address, and takes no 0.)
    ///
    /// # Errors
    /// As for `connect`; [`io::ErrorKind::TimedOut`] among them, with 0 [`io::ErrorKind::WouldBlock`] unless the
    /// system is done at once; [`io::ErrorKind::InvalidInput`] for a time that is negative or no number.
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
        let socket = socket2::Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
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
    /// When it cannot be made non-blocking.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        Self::from_socket(stream.into())
    }

    /// A second descriptor for the same connection. It has the same timeouts at first, is closed on its own, and may
    /// be waited for by another greenlet.
    ///
    /// # Errors
    /// When no descriptor is left, or the stream is closed.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(TcpStream)
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

    /// Ends one or both directions for good, for all descriptors of the connection. Greenlets that wait to read get
    /// 0, those that wait to write [`io::ErrorKind::BrokenPipe`].
    ///
    /// # Errors
    /// When the stream is closed or not connected any more.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
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

    /// How long packets may travel: `IP_TTL`.
    ///
    /// # Errors
    /// When the stream is closed; for 0, or more than 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.socket()?.set_ttl_v4(ttl)
    }

    /// What [`set_ttl`](TcpStream::set_ttl) sets.
    ///
    /// # Errors
    /// When the stream is closed.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.socket()?.ttl_v4()
    }

    /// With `true`, reads and writes do not wait: [`set_timeout`](TcpStream::set_timeout) of 0. With `false` they wait
    /// for ever: of `None`.
    ///
    /// Source: Python's `setblocking`.
    ///
    /// # Errors
    /// None; std's method of this name has some.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.set_timeout(nonblocking.then_some(0.0))
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
        if buf.is_empty() {
            return self.0.read_nothing(|socket| socket.peek(&mut []));
        }
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
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not an internet address"))
}

/// The buffer as `socket2` wants it where it has no call for initialised ones.
#[allow(unsafe_code)]
fn as_uninit(buf: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: `u8` and `MaybeUninit<u8>` have the same layout, and the kernel writes only whole
    // bytes there, so that what was initialised remains so.
    unsafe { &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) }
}

/// The flag of every call that sends. When the other side has gone, the call fails, and raises no `SIGPIPE`, which would
/// end the process unless somebody has seen to it. (Apple's systems have an option of the socket, which `socket2` sets.)
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: libc::c_int = 0;

/// The system takes no more parts at once: its `IOV_MAX`.
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
            // `readv`, unlike `recv`, does not look at the socket then.
            return self.0.read_nothing(|_| Ok(0));
        }
        self.0.read(len, |mut socket| socket.read_vectored(bufs))
    }
}

impl Write for &TcpStream {
    #[track_caller]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.retry(Direction::Write, |socket| {
            socket.send_with_flags(buf, NO_SIGNAL)
        })
    }

    #[track_caller]
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let bufs = &bufs[..bufs.len().min(MAX_PARTS)];
        if bufs.iter().all(|buf| buf.is_empty()) {
            // Nor does `writev`.
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
