//! [`Socket`]: making it, its addresses, waiting for connections, its timeout and its end.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use hub::Seconds;

use super::{Kind, SocketAddress};
use crate::socket::methods::handle_methods;
use crate::socket::raw::{Direction, Limit, RawSocket};

/// A socket of any family and type, with the methods of Python's `socket.socket`, which park the greenlet instead of
/// blocking the thread. Clones are handles of the same socket, which is closed when the last one is dropped.
///
/// The types with std's face ([`TcpStream`](crate::socket::TcpStream) and so on) are other views of the same socket:
/// `Socket::from(stream)` and `TcpStream::try_from(socket)` cost nothing.
///
/// ```
/// use gevent::prelude::*;
/// use gevent::socket::{AF_INET, SOCK_STREAM, Socket};
///
/// let listener = Socket::new(AF_INET, SOCK_STREAM, 0)?;
/// listener.bind(("127.0.0.1", 0))?;
/// listener.listen(1)?;
/// let address = listener.getsockname()?;
/// let client = spawn(move || {
///     let client = Socket::new(AF_INET, SOCK_STREAM, 0)?;
///     client.connect(address)?;
///     client.sendall(b"hello")?;
///     Ok(())
/// });
/// let (connection, _address) = listener.accept()?;
/// assert_eq!(connection.recv(100)?, b"hello");
/// # client.get()?;
/// # Ok::<(), Exception>(())
/// ```
pub struct Socket(pub(crate) Rc<RawSocket>);

handle_methods!(Socket);

impl Socket {
    /// Makes a socket. As in gevent it does not block, and its calls have no time limit. With the protocol 0 the system
    /// takes that of the type.
    ///
    /// # Errors
    /// Fails as the system's `socket` does, and if this thread can have no hub.
    pub fn new(family: i32, type_: i32, proto: i32) -> io::Result<Self> {
        let kind = Kind::new(family, type_, proto);
        Self::of_kind(kind.make()?, kind)
    }

    /// Takes over a descriptor, which Python does with `socket(family, type, proto, fileno)`. What it is is believed;
    /// [`TryFrom<OwnedFd>`](TryFrom) asks the system instead.
    ///
    /// # Errors
    /// Fails if the descriptor cannot be made non-blocking, and if this thread can have no hub.
    pub fn with_fileno(family: i32, type_: i32, proto: i32, fileno: OwnedFd) -> io::Result<Self> {
        let socket = socket2::Socket::from(fileno);
        socket.set_nonblocking(true)?;
        Self::of_kind(socket, Kind::new(family, type_, proto))
    }

    pub(super) fn of_kind(socket: socket2::Socket, kind: Kind) -> io::Result<Self> {
        Ok(Socket(Rc::new(RawSocket::of_kind(socket, kind)?)))
    }

    /// The family of addresses, for example `AF_INET`.
    ///
    /// # Errors
    /// Fails only for a socket that was closed before anybody asked, if it has come from a type with std's face.
    pub fn family(&self) -> io::Result<i32> {
        Ok(self.0.kind()?.family)
    }

    /// The type, for example `SOCK_STREAM`, without the flags that Linux allows in it.
    ///
    /// # Errors
    /// As for [`family`](Socket::family).
    pub fn type_(&self) -> io::Result<i32> {
        Ok(self.0.kind()?.type_)
    }

    /// The protocol, as it was given to [`new`](Socket::new).
    ///
    /// # Errors
    /// As for [`family`](Socket::family).
    pub fn proto(&self) -> io::Result<i32> {
        Ok(self.0.kind()?.proto)
    }

    /// The number of the descriptor, -1 once the socket is closed.
    pub fn fileno(&self) -> i32 {
        self.0.fd().unwrap_or(-1)
    }

    /// The system's form of an address.
    pub(super) fn address(&self, address: impl Into<SocketAddress>) -> io::Result<socket2::SockAddr> {
        address.into().for_family(self.family()?)
    }

    /// Gives the socket an address.
    ///
    /// # Errors
    /// Fails as the system's `bind` does, with a [`BadAddress`](super::BadAddress) inside for one that this socket
    /// cannot have, and if a name cannot be looked up.
    pub fn bind(&self, address: impl Into<SocketAddress>) -> io::Result<()> {
        let address = self.address(address)?;
        self.0.socket()?.bind(&address)
    }

    /// Lets others connect; `backlog` of them may be there before they are accepted. Python's default is 128.
    ///
    /// # Errors
    /// Fails as the system's `listen` does.
    pub fn listen(&self, backlog: i32) -> io::Result<()> {
        self.0.socket()?.listen(backlog.max(0))
    }

    /// Waits for a connection. Returns a socket for it, without a time limit, and the address of the other side.
    ///
    /// # Errors
    /// Fails as the system's `accept` does, if the time is over, and with an exception that is thrown into the current
    /// greenlet meanwhile.
    #[track_caller]
    pub fn accept(&self) -> io::Result<(Socket, SocketAddress)> {
        let (socket, address) = self.0.accept()?;
        Ok((Self::of_kind(socket, self.0.kind()?)?, name(address)))
    }

    /// Connects to an address, within the timeout. With a timeout of 0 it only begins to, and fails with `EINPROGRESS`.
    ///
    /// # Errors
    /// Fails as the system's `connect` does, as [`bind`](Socket::bind) for a bad address, if the time is over, and with
    /// an exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn connect(&self, address: impl Into<SocketAddress>) -> io::Result<()> {
        let address = self.address(address)?;
        match self.0.timeout(Direction::Write) {
            Some(0.0) => self.0.socket()?.connect(&address),
            timeout if address.is_unix() => self.0.connect_unix(&address, Limit::of_the_whole(timeout)),
            timeout => self.0.connect(&address, Limit::of_the_whole(timeout)),
        }
    }

    /// [`connect`](Socket::connect) that returns the system's error as a number, 0 if there is none, and `EAGAIN` if
    /// the time is over.
    ///
    /// # Errors
    /// Fails with errors that have no number: a bad address, or an exception that is thrown into the current greenlet.
    #[track_caller]
    pub fn connect_ex(&self, address: impl Into<SocketAddress>) -> io::Result<i32> {
        match self.connect(address) {
            Ok(()) => Ok(0),
            Err(error) if is_timeout(&error) => Ok(libc::EAGAIN),
            Err(error) => error.raw_os_error().ok_or(error),
        }
    }

    /// The address of this side.
    ///
    /// # Errors
    /// Fails if the socket is closed.
    pub fn getsockname(&self) -> io::Result<SocketAddress> {
        Ok(name(self.0.socket()?.local_addr()?))
    }

    /// The address of the other side.
    ///
    /// # Errors
    /// Fails if the socket is closed or not connected.
    pub fn getpeername(&self) -> io::Result<SocketAddress> {
        Ok(name(self.0.socket()?.peer_addr()?))
    }

    /// Sets how many seconds each call may last: for ever with `None`. When the time is over, the call fails with
    /// [`io::ErrorKind::TimedOut`]. With 0 a call that cannot go on at once fails with
    /// [`io::ErrorKind::WouldBlock`].
    ///
    /// # Errors
    /// Fails for a time that is negative or not a number.
    pub fn settimeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.0.set_timeout(&[Direction::Read, Direction::Write], timeout)
    }

    /// [`settimeout`](Socket::settimeout) for reads only.
    #[cfg(feature = "pywsgi")]
    pub(crate) fn set_read_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.0.set_timeout(&[Direction::Read], timeout)
    }

    /// [`settimeout`](Socket::settimeout) for writes only.
    #[cfg(feature = "pywsgi")]
    pub(crate) fn set_write_timeout(&self, timeout: impl Seconds) -> io::Result<()> {
        self.0.set_timeout(&[Direction::Write], timeout)
    }

    /// The seconds that [`settimeout`](Socket::settimeout) has set.
    pub fn gettimeout(&self) -> Option<f64> {
        self.0.timeout(Direction::Read)
    }

    /// A timeout of `None` for true, one of 0 for false.
    pub fn setblocking(&self, blocking: bool) {
        let set = self.settimeout((!blocking).then_some(0.0));
        debug_assert!(set.is_ok());
    }

    /// Whether the timeout is not 0.
    pub fn getblocking(&self) -> bool {
        self.gettimeout() != Some(0.0)
    }

    /// Ends one or both directions for good, for all descriptors of the socket. Greenlets that want to read get the end
    /// of the data; those that want to write fail with `EPIPE`.
    ///
    /// # Errors
    /// Fails if the socket is closed or not connected.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    /// A second descriptor for the same socket, with the same timeout, which is closed on its own.
    ///
    /// # Errors
    /// Fails if no descriptor is left, or the socket is closed.
    pub fn dup(&self) -> io::Result<Socket> {
        self.0.try_clone().map(Socket)
    }

    /// Takes the descriptor away from the socket, which is as if closed afterwards. As in gevent it does not block:
    /// descriptors of the same socket, for example of [`dup`](Socket::dup), can only block together.
    ///
    /// It has the number of [`fileno`](Socket::fileno), unless other greenlets use the socket at this moment, for
    /// example in `recv`: they get `EBADF`, and the old number stays in use until they have left.
    ///
    /// # Errors
    /// Fails if the socket is closed, and if no descriptor is left where one is needed.
    pub fn detach(&self) -> io::Result<OwnedFd> {
        Ok(self.0.detach()?.into())
    }

    /// Closes the socket for all its handles, but not before all files of [`makefile`](Socket::makefile) are closed.
    /// Greenlets in its calls get `EBADF`. Closing twice has no further effect.
    pub fn close(&self) {
        if self.0.files.close_when_last_ends() {
            self.0.close();
        }
    }
}

/// The address that a socket has, which may be an empty one.
fn name(address: socket2::SockAddr) -> SocketAddress {
    SocketAddress::of(address).unwrap_or(SocketAddress::Unix(Default::default()))
}

/// Whether the error is that of a socket's own time.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<hub::TimedOut>())
}
