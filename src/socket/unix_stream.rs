//! [`UnixStream`]: a connection between two programs of one machine.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

use hub::Seconds;
use socket2::{Domain, SockAddr, Type};

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::UCred;
use super::ancillary::{SocketAncillary, ancillary_methods};
use super::methods::{socket_methods, stream_methods};
use super::raw::{Limit, RawSocket, valid_timeout};
use super::unix_address::{as_unix, of_unix};

/// A connection between two programs of one machine, or within one. It has the methods of
/// [`std::os::unix::net::UnixStream`], but they park the greenlet instead of blocking the thread. Clones are handles of
/// the same connection, which is closed when the last one is dropped.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::socket::UnixStream;
///
/// let (mut here, mut there) = UnixStream::pair()?;
/// let reader = gevent::spawn(move || {
///     let mut text = String::new();
///     there.read_to_string(&mut text)?;
///     Ok(text)
/// });
/// here.write_all(b"hello")?;
/// drop(here);
/// assert_eq!(reader.get()?, "hello");
/// # Ok::<(), gevent::Exception>(())
/// ```
pub struct UnixStream(pub(super) Rc<RawSocket>);

impl UnixStream {
    /// Connects to the listener at a path. If the listener's queue is full, it waits until there is place.
    ///
    /// # Errors
    /// Fails if nobody listens there; with [`io::ErrorKind::InvalidInput`] for a path with a NUL byte, or a longer one
    /// than the system allows (107 bytes on Linux); and with an exception that is thrown into the current greenlet
    /// meanwhile.
    #[track_caller]
    pub fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// [`connect`](UnixStream::connect) to an address, which may be an abstract one.
    ///
    /// # Errors
    /// As for `connect`.
    #[track_caller]
    pub fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        Self::connect_within(&of_unix(address)?, None)
    }

    /// [`connect`](UnixStream::connect) with a time limit in seconds; with 0 it does not wait.
    ///
    /// # Errors
    /// As for `connect`; [`io::ErrorKind::TimedOut`] when the time is over, or [`io::ErrorKind::WouldBlock`] if it is
    /// 0.
    #[track_caller]
    pub fn connect_timeout(path: impl AsRef<Path>, timeout: impl Seconds) -> io::Result<Self> {
        let address = of_unix(&SocketAddr::from_pathname(path)?)?;
        Self::connect_within(&address, valid_timeout(timeout)?)
    }

    #[track_caller]
    fn connect_within(address: &SockAddr, timeout: Option<f64>) -> io::Result<Self> {
        let raw = RawSocket::new(socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?)?;
        raw.connect_unix(address, Limit::of_the_whole(timeout))?;
        Ok(UnixStream(Rc::new(raw)))
    }

    /// Two sockets that are connected with each other.
    ///
    /// # Errors
    /// Fails if no descriptors are left, and if this thread can have no hub.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = socket2::Socket::pair(Domain::UNIX, Type::STREAM, None)?;
        Ok((Self::from_socket(a)?, Self::from_socket(b)?))
    }

    pub(super) fn of_nonblocking(socket: socket2::Socket) -> io::Result<Self> {
        Ok(UnixStream(Rc::new(RawSocket::of_nonblocking(socket)?)))
    }

    /// The address of the other side; unnamed if it was not bound.
    ///
    /// # Errors
    /// Fails if the stream is closed or not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        as_unix(self.0.socket()?.peer_addr()?)
    }

    /// The address of this side; unnamed if it was not bound.
    ///
    /// # Errors
    /// Fails if the stream is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        as_unix(self.0.socket()?.local_addr()?)
    }

    /// The process that has made the other side, and whose it was then.
    ///
    /// # Errors
    /// Fails if the stream is closed.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn peer_cred(&self) -> io::Result<UCred> {
        let bytes: [u8; UCred::LEN] = self.0.option(libc::SOL_SOCKET, libc::SO_PEERCRED)?;
        UCred::of_bytes(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Sends the data of several buffers, and ancillary data with the first byte of them. Returns the number of bytes
    /// that were sent, which may be fewer than there are. What is in `ancillary` stays there, but what it has received
    /// is not sent.
    ///
    /// # Errors
    /// Fails as [`Write::write`](std::io::Write::write) does; with [`io::ErrorKind::InvalidInput`] if there is
    /// ancillary data, but no byte; with `EPERM` for credentials that this process may not claim to have.
    #[track_caller]
    pub fn send_vectored_with_ancillary(
        &self,
        bufs: &[IoSlice<'_>],
        ancillary: &mut SocketAncillary<'_>,
    ) -> io::Result<usize> {
        self.0.send_with_ancillary(bufs, ancillary)
    }

    /// Reads into several buffers, and ancillary data into `ancillary`, from which what was there is removed. Returns
    /// the number of bytes that were read; 0 at the end, and for empty buffers.
    ///
    /// # Errors
    /// As for [`Read::read`](std::io::Read::read).
    #[track_caller]
    pub fn recv_vectored_with_ancillary(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        ancillary: &mut SocketAncillary<'_>,
    ) -> io::Result<usize> {
        self.0.recv_with_ancillary(bufs, ancillary)
    }

    #[track_caller]
    fn receive(&self, bufs: &mut [IoSliceMut<'_>], ancillary: &mut SocketAncillary<'_>) -> io::Result<usize> {
        self.recv_vectored_with_ancillary(bufs, ancillary)
    }
}

socket_methods!(UnixStream, std::os::unix::net::UnixStream);
stream_methods!(UnixStream);
ancillary_methods!(UnixStream);
