//! [`UnixDatagram`]: datagrams between programs of one machine.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

use socket2::{Domain, SockAddr, Type};

use super::ancillary::{SocketAncillary, ancillary_methods};
use super::bind::Bind;
use super::methods::{socket_methods, timeout_methods};
use super::raw::RawSocket;
use super::unix_address::{as_unix, of_unix};

/// A socket for datagrams between programs of one machine. It has the methods of
/// [`std::os::unix::net::UnixDatagram`], but they park the greenlet instead of blocking the thread. Clones are handles
/// of the same socket. Datagrams arrive in their order, and a sender waits while the receiver's queue is full.
///
/// ```
/// use gevent::socket::UnixDatagram;
///
/// let (here, there) = UnixDatagram::pair()?;
/// let sender = gevent::spawn(move || Ok(there.send(b"hello")?));
/// let mut buf = [0; 100];
/// assert_eq!(here.recv(&mut buf)?, 5);
/// # sender.get()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
pub struct UnixDatagram(pub(super) Rc<RawSocket>);

impl UnixDatagram {
    /// Makes a socket without an address.
    ///
    /// # Errors
    /// Fails if no descriptor is left, and if this thread can have no hub.
    pub fn unbound() -> io::Result<Self> {
        Self::from_socket(socket2::Socket::new(Domain::UNIX, Type::DGRAM, None)?)
    }

    /// Makes a socket at a path, at which a file is made.
    ///
    /// # Errors
    /// Fails if there is a file already; with [`io::ErrorKind::InvalidInput`] for a path with a NUL byte, or a longer
    /// one than the system allows (107 bytes on Linux).
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// [`bind`](UnixDatagram::bind) to an address, which may be an abstract one, for which no file is made.
    ///
    /// # Errors
    /// As for `bind`.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        Self::bind_with(address.clone(), &Bind::default())
    }

    pub(crate) fn bind_with(address: SocketAddr, settings: &Bind) -> io::Result<Self> {
        Self::from_socket(settings.unix(&address, Type::DGRAM)?)
    }

    /// Two sockets that are connected with each other.
    ///
    /// # Errors
    /// Fails if no descriptors are left, and if this thread can have no hub.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = socket2::Socket::pair(Domain::UNIX, Type::DGRAM, None)?;
        Ok((Self::from_socket(a)?, Self::from_socket(b)?))
    }

    /// Has [`send`](UnixDatagram::send) send to the socket at this path, and all calls receive from it only.
    ///
    /// # Errors
    /// Fails if no such socket is there.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// [`connect`](UnixDatagram::connect) to an address.
    ///
    /// # Errors
    /// As for `connect`.
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.0.socket()?.connect(&of_unix(address)?)
    }

    /// Sends a datagram to the socket at a path. Returns the number of its bytes.
    ///
    /// # Errors
    /// Fails as the system's `sendto` does: for a datagram that is too long with `EMSGSIZE`. Fails also with an
    /// exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_to_addr(buf, &SocketAddr::from_pathname(path)?)
    }

    /// [`send_to`](UnixDatagram::send_to) an address.
    ///
    /// # Errors
    /// As for `send_to`.
    #[track_caller]
    pub fn send_to_addr(&self, buf: &[u8], address: &SocketAddr) -> io::Result<usize> {
        self.0.send_to(buf, &of_unix(address)?)
    }

    /// Receives one datagram. Returns the number of bytes that were put into `buf`, and the address that it came from.
    /// What does not fit into `buf` is lost.
    ///
    /// # Errors
    /// Fails if the socket is closed, if nothing comes within the [timeout](UnixDatagram::set_timeout), and with an
    /// exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (n, address) = self.0.recv_from(buf)?;
        Ok((n, sender(address)?))
    }

    /// [`recv_from`](UnixDatagram::recv_from) if a datagram is there already.
    pub(crate) fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let received = self.0.try_recv_from(buf)?;
        received.map(|(n, address)| Ok((n, sender(address)?))).transpose()
    }

    /// Sends a datagram to the socket of [`connect`](UnixDatagram::connect).
    ///
    /// # Errors
    /// As for [`send_to`](UnixDatagram::send_to); fails also if the socket is not connected.
    #[track_caller]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.send(buf)
    }

    /// [`recv_from`](UnixDatagram::recv_from) without the address.
    ///
    /// # Errors
    /// As for `recv_from`.
    #[track_caller]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.recv_datagram(buf)
    }

    /// Sends the data of several buffers as one datagram, with ancillary data. Returns the number of its bytes, which
    /// may be 0. What is in `ancillary` stays there, but what it has received is not sent.
    ///
    /// # Errors
    /// Fails as [`send`](UnixDatagram::send) does; with `EPERM` for credentials that this process may not claim to
    /// have.
    #[track_caller]
    pub fn send_vectored_with_ancillary(
        &self,
        bufs: &[IoSlice<'_>],
        ancillary: &mut SocketAncillary<'_>,
    ) -> io::Result<usize> {
        self.0.send_message(bufs, ancillary, None)
    }

    /// [`send_vectored_with_ancillary`](UnixDatagram::send_vectored_with_ancillary) to the socket at a path.
    ///
    /// # Errors
    /// As for `send_vectored_with_ancillary`.
    #[track_caller]
    pub fn send_vectored_with_ancillary_to(
        &self,
        bufs: &[IoSlice<'_>],
        ancillary: &mut SocketAncillary<'_>,
        path: impl AsRef<Path>,
    ) -> io::Result<usize> {
        self.send_vectored_with_ancillary_to_addr(bufs, ancillary, &SocketAddr::from_pathname(path)?)
    }

    /// [`send_vectored_with_ancillary`](UnixDatagram::send_vectored_with_ancillary) to an address.
    ///
    /// # Errors
    /// As for `send_vectored_with_ancillary`.
    #[track_caller]
    pub fn send_vectored_with_ancillary_to_addr(
        &self,
        bufs: &[IoSlice<'_>],
        ancillary: &mut SocketAncillary<'_>,
        address: &SocketAddr,
    ) -> io::Result<usize> {
        self.0.send_message(bufs, ancillary, Some(&of_unix(address)?))
    }

    /// Receives one datagram into several buffers, and ancillary data into `ancillary`, from which what was there is
    /// removed. Returns the number of bytes, and whether a part of the datagram was lost because the buffers are too
    /// small.
    ///
    /// # Errors
    /// As for [`recv`](UnixDatagram::recv).
    #[track_caller]
    pub fn recv_vectored_with_ancillary(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        ancillary: &mut SocketAncillary<'_>,
    ) -> io::Result<(usize, bool)> {
        let received = self.0.recv_message(bufs, ancillary)?;
        Ok((received.bytes, received.flags & libc::MSG_TRUNC != 0))
    }

    /// [`recv_vectored_with_ancillary`](UnixDatagram::recv_vectored_with_ancillary) with the address that the datagram
    /// came from.
    ///
    /// # Errors
    /// As for `recv`.
    #[track_caller]
    pub fn recv_vectored_with_ancillary_from(
        &self,
        bufs: &mut [IoSliceMut<'_>],
        ancillary: &mut SocketAncillary<'_>,
    ) -> io::Result<(usize, bool, SocketAddr)> {
        let received = self.0.recv_message(bufs, ancillary)?;
        let truncated = received.flags & libc::MSG_TRUNC != 0;
        Ok((received.bytes, truncated, sender(received.address)?))
    }

    #[track_caller]
    fn receive(&self, bufs: &mut [IoSliceMut<'_>], ancillary: &mut SocketAncillary<'_>) -> io::Result<usize> {
        self.recv_vectored_with_ancillary(bufs, ancillary).map(|(n, _)| n)
    }

    /// Ends one or both directions for good. Greenlets that wait to read get 0; those that wait to write fail with
    /// [`io::ErrorKind::BrokenPipe`].
    ///
    /// # Errors
    /// Fails if the socket is closed or not connected.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    /// The address of the other side.
    ///
    /// # Errors
    /// Fails if the socket is closed or not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        as_unix(self.0.socket()?.peer_addr()?)
    }

    /// The address of this side; unnamed if it was not bound.
    ///
    /// # Errors
    /// Fails if the socket is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        as_unix(self.0.socket()?.local_addr()?)
    }
}

socket_methods!(UnixDatagram, std::os::unix::net::UnixDatagram);
timeout_methods!(UnixDatagram);
ancillary_methods!(UnixDatagram);

/// The address of a sender, which may have none.
fn sender(address: Option<SockAddr>) -> io::Result<SocketAddr> {
    address.map_or_else(|| SocketAddr::from_pathname(""), as_unix)
}
