//! [`UdpSocket`]: datagrams over the network.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use super::bind::Bind;
use super::methods::{socket_methods, timeout_methods};
use super::raw::{Limit, RawSocket, ends_all};
use super::tcp_stream::as_inet;
use super::{Address, AddressError, Endpoint};

/// A socket for datagrams over the network. It has the methods of [`std::net::UdpSocket`], but they park the greenlet
/// instead of blocking the thread. Clones are handles of the same socket.
///
/// ```
/// use gevent::socket::UdpSocket;
///
/// let server = UdpSocket::bind("127.0.0.1:0")?;
/// let address = server.local_addr()?;
/// let echo = gevent::spawn(move || {
///     let mut buf = [0; 1500];
///     let (n, from) = server.recv_from(&mut buf)?;
///     server.send_to(&buf[..n], from)?;
///     Ok(())
/// });
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.connect(address)?;
/// client.send(b"hello")?;
/// let mut answer = [0; 1500];
/// assert_eq!(client.recv(&mut answer)?, 5);
/// # echo.get()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
pub struct UdpSocket(pub(super) Rc<RawSocket>);

impl UdpSocket {
    /// Makes a socket that is bound to an address. If there are several, it is bound to the first one that is free.
    ///
    /// # Errors
    /// Returns the error of the last address, with an [`AddressError`] inside, or that of looking the name up.
    pub fn bind(address: impl Address) -> io::Result<Self> {
        let settings = Bind {
            reuse_addr: false,
            ..Bind::default()
        };
        Self::bind_with(address.into_endpoint(), &settings)
    }

    pub(crate) fn bind_with(endpoint: Endpoint, settings: &Bind) -> io::Result<Self> {
        settings.datagrams(endpoint).map(UdpSocket)
    }

    /// Has [`send`](UdpSocket::send) send to this address, and all calls receive from it only. If there are several,
    /// the first one is taken to which the system can send.
    ///
    /// # Errors
    /// Returns the error of the last address, with an [`AddressError`] inside, or that of looking the name up.
    #[track_caller]
    pub fn connect(&self, address: impl Address) -> io::Result<()> {
        self.with_each(address, "connect to", |address| {
            self.0.connect(&address.into(), Limit::none())
        })
    }

    /// Calls `f` with each address until it succeeds.
    fn with_each<T>(
        &self,
        address: impl Address,
        doing: &'static str,
        mut f: impl FnMut(SocketAddr) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut failure = None;
        for address in address.into_endpoint().resolve()? {
            match f(address) {
                Ok(value) => return Ok(value),
                Err(error) if ends_all(&error) => return Err(error),
                Err(error) => failure = Some(AddressError::with(doing, address, error)),
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
    }

    /// Sends a datagram to an address: the first one, if there are several. Returns the number of its bytes.
    ///
    /// # Errors
    /// Fails as the system's `sendto` does: for a datagram that is too long with `EMSGSIZE`, and for an address of
    /// another family with `EAFNOSUPPORT` or `EINVAL`. Fails also if the name cannot be looked up, and with an
    /// exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn send_to(&self, buf: &[u8], address: impl Address) -> io::Result<usize> {
        let address = address.into_endpoint().first()?;
        self.0.send_to(buf, &address.into())
    }

    /// Receives one datagram. Returns the number of bytes that were put into `buf`, and the address that it came from.
    /// What does not fit into `buf` is lost.
    ///
    /// # Errors
    /// Fails if the socket is closed, if nothing comes within the [timeout](UdpSocket::set_timeout), and with an
    /// exception that is thrown into the current greenlet meanwhile. A socket that is connected also returns what the
    /// other side's system has answered: [`io::ErrorKind::ConnectionRefused`].
    #[track_caller]
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (n, address) = self.0.recv_from(buf)?;
        Ok((n, sender(address)?))
    }

    /// [`recv_from`](UdpSocket::recv_from) if a datagram is there already.
    pub(crate) fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let received = self.0.try_recv_from(buf)?;
        received.map(|(n, address)| Ok((n, sender(address)?))).transpose()
    }

    /// [`recv_from`](UdpSocket::recv_from), without removing the datagram.
    ///
    /// # Errors
    /// As for `recv_from`.
    #[track_caller]
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (n, address) = self.0.peek_from(buf)?;
        Ok((n, sender(address)?))
    }

    /// Sends a datagram to the address of [`connect`](UdpSocket::connect).
    ///
    /// # Errors
    /// As for [`send_to`](UdpSocket::send_to); with `EDESTADDRREQ` if the socket is not connected.
    #[track_caller]
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.send(buf)
    }

    /// [`recv_from`](UdpSocket::recv_from) without the address, mostly for a socket that is connected.
    ///
    /// # Errors
    /// As for `recv_from`.
    #[track_caller]
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.recv_datagram(buf)
    }

    /// [`recv`](UdpSocket::recv), without removing the datagram.
    ///
    /// # Errors
    /// As for `recv_from`.
    #[track_caller]
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.peek_datagram(buf)
    }

    /// The address of [`connect`](UdpSocket::connect).
    ///
    /// # Errors
    /// Fails if the socket is closed or not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        as_inet(self.0.socket()?.peer_addr()?)
    }

    /// The address that the socket is bound to.
    ///
    /// # Errors
    /// Fails if the socket is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        as_inet(self.0.socket()?.local_addr()?)
    }
}

/// Declares a pair of an option's setter and getter.
macro_rules! options {
    ($($(#[$doc:meta])* $set:ident, $get:ident: $value:ty = $set2:ident, $get2:ident;)*) => {
        impl UdpSocket {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// Fails if the socket is closed, and as the system does.
            pub fn $set(&self, value: $value) -> io::Result<()> {
                self.0.socket()?.$set2(value)
            }

            #[doc = concat!("The value of [`", stringify!($set), "`](Self::", stringify!($set), ").")]
            ///
            /// # Errors
            /// Fails if the socket is closed.
            pub fn $get(&self) -> io::Result<$value> {
                self.0.socket()?.$get2()
            }
        )*}
    };
}

options! {
    /// Sets whether the socket may send to broadcast addresses: `SO_BROADCAST`.
    set_broadcast, broadcast: bool = set_broadcast, broadcast;
    /// Sets how many hops packets may travel: `IP_TTL`.
    set_ttl, ttl: u32 = set_ttl_v4, ttl_v4;
    /// Sets whether multicast packets are also received by this machine: `IP_MULTICAST_LOOP`.
    set_multicast_loop_v4, multicast_loop_v4: bool = set_multicast_loop_v4, multicast_loop_v4;
    /// Sets how many hops multicast packets may travel: `IP_MULTICAST_TTL`.
    set_multicast_ttl_v4, multicast_ttl_v4: u32 = set_multicast_ttl_v4, multicast_ttl_v4;
    /// Sets whether multicast packets are also received by this machine: `IPV6_MULTICAST_LOOP`.
    set_multicast_loop_v6, multicast_loop_v6: bool = set_multicast_loop_v6, multicast_loop_v6;
}

impl UdpSocket {
    /// Joins a multicast group, at the interface with this address; unspecified lets the system choose it.
    ///
    /// # Errors
    /// Fails if the socket is closed, and as the system's `IP_ADD_MEMBERSHIP` does.
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.0.socket()?.join_multicast_v4(group, interface)
    }

    /// Joins a multicast group, at the interface with this index; 0 lets the system choose it.
    ///
    /// # Errors
    /// Fails if the socket is closed, and as the system's `IPV6_ADD_MEMBERSHIP` does.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.socket()?.join_multicast_v6(group, interface)
    }

    /// Leaves a group that was [joined](UdpSocket::join_multicast_v4).
    ///
    /// # Errors
    /// Fails if the socket is closed or no member.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.0.socket()?.leave_multicast_v4(group, interface)
    }

    /// Leaves a group that was [joined](UdpSocket::join_multicast_v6).
    ///
    /// # Errors
    /// Fails if the socket is closed or no member.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.socket()?.leave_multicast_v6(group, interface)
    }
}

socket_methods!(UdpSocket, std::net::UdpSocket);
timeout_methods!(UdpSocket);

/// The address of a sender. There is none if nothing was received, as the socket is shut down.
fn sender(address: Option<socket2::SockAddr>) -> io::Result<SocketAddr> {
    as_inet(address.ok_or(io::ErrorKind::InvalidInput)?)
}
