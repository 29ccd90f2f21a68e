//! [`DatagramServer`]: a server of datagrams.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::unix::net::SocketAddr as UnixAddr;

use hub::core::CallbackResult;

use super::Builder;
use crate::baseserver::{BaseServer, ServerSocket};
use crate::lock::Semaphore;
use crate::socket::{Address, UdpSocket, UnixDatagram, cancel_wait_ex as closed};

/// A server that receives datagrams at an address and calls a handler for each, in a greenlet of its own. Clones are
/// handles of the same server, and cheap. Its methods are those of [`BaseServer`], and `sendto`.
///
/// ```
/// use gevent::server::DatagramServer;
/// use gevent::socket::UdpSocket;
///
/// let server = DatagramServer::new("127.0.0.1:0", |_data, _address| ());
/// server.set_method(|server, data, address| {
///     server.sendto(&data, address)?;
///     Ok(())
/// });
/// server.start()?;
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.send_to(b"hello", server.address().unwrap())?;
/// let mut answer = [0; 100];
/// assert_eq!(client.recv(&mut answer)?, 5);
/// server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// A datagram is received when the loop tells of it, by the hub, so that greenlets which wait for the server's
/// [socket](BaseServer::socket) compete with it. While the [pool](super::Spawn::Pool) is full, datagrams stay in the
/// system's queue, and those that find no place there are lost. The handler gets the first 8192 bytes of a datagram,
/// unless the [builder](Builder::datagram_size) says otherwise.
///
/// The parameter is the type of the socket: `DatagramServer` alone is a UDP server, and `DatagramServer<UnixDatagram>`
/// one of Unix sockets, which a [builder](Builder::build_at_path) makes.
pub struct DatagramServer<S: DatagramSocket = UdpSocket>(BaseServer<S>);

/// A socket whose datagrams a server receives: [`UdpSocket`] or [`UnixDatagram`].
pub trait DatagramSocket: ServerSocket<Client = Vec<u8>, Extra = Semaphore> {}

impl DatagramSocket for UdpSocket {}
impl DatagramSocket for UnixDatagram {}

impl DatagramServer {
    /// Makes a server with the default settings, which will receive at `address` once it is started.
    pub fn new<R: CallbackResult>(address: impl Address, handle: impl Fn(Vec<u8>, SocketAddr) -> R + 'static) -> Self {
        Self::builder().build(address, handle)
    }

    /// Begins a server with settings of its own; or a server of a given socket or path.
    pub fn builder() -> Builder<DatagramServer> {
        Builder::default()
    }

    /// Sends a datagram from the server's address, in the turn of the greenlets that want to. Returns the number of its
    /// bytes.
    ///
    /// # Errors
    /// Fails as [`UdpSocket::send_to`] does; with `EBADF` if the server is [closed](BaseServer::closed).
    #[track_caller]
    pub fn sendto(&self, data: &[u8], address: impl Address) -> io::Result<usize> {
        let address = address.into_endpoint().first()?;
        self.in_turn(|socket| socket.send_to(data, address))
    }
}

impl DatagramServer<UnixDatagram> {
    /// Sends a datagram from the server's address, in the turn of the greenlets that want to. Returns the number of its
    /// bytes.
    ///
    /// # Errors
    /// Fails as [`UnixDatagram::send_to_addr`] does; with `EBADF` if the server is [closed](BaseServer::closed).
    #[track_caller]
    pub fn sendto(&self, data: &[u8], address: &UnixAddr) -> io::Result<usize> {
        self.in_turn(|socket| socket.send_to_addr(data, address))
    }
}

impl<S: DatagramSocket> DatagramServer<S> {
    pub(crate) fn of(base: BaseServer<S>) -> Self {
        DatagramServer(base)
    }

    /// Calls `send` when no other greenlet sends.
    #[track_caller]
    fn in_turn(&self, send: impl FnOnce(&S) -> io::Result<usize>) -> io::Result<usize> {
        let _turn = self.extra().acquire_guard()?;
        let socket = self.socket().ok_or_else(closed)?;
        send(&socket)
    }
}

/// The methods that all servers have.
impl<S: DatagramSocket> Deref for DatagramServer<S> {
    type Target = BaseServer<S>;

    fn deref(&self) -> &BaseServer<S> {
        &self.0
    }
}

impl<S: DatagramSocket> Clone for DatagramServer<S> {
    fn clone(&self) -> Self {
        DatagramServer(self.0.clone())
    }
}

/// Two are equal if they are handles of the same server.
impl<S: DatagramSocket> PartialEq for DatagramServer<S> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<S: DatagramSocket> Eq for DatagramServer<S> {}

impl<S: DatagramSocket> Hash for DatagramServer<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<S: DatagramSocket> fmt::Debug for DatagramServer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
