//! Sockets that park the greenlet instead of blocking the thread. Source: gevent's `socket.py`.
//!
//! ```
//! use std::io::{Read, Write};
//! use gevent::prelude::*;
//! use gevent::socket::{TcpListener, TcpStream};
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! let client = spawn(move || {
//!     let mut text = String::new();
//!     TcpStream::connect(address)?.read_to_string(&mut text)?; // the others go on meanwhile
//!     Ok(text)
//! });
//! let (mut stream, _peer) = listener.accept()?;
//! stream.write_all(b"hello")?;
//! stream.close();
//! assert_eq!(client.get()?, "hello");
//! # Ok::<(), Exception>(())
//! ```
//!
//! | type | contents |
//! |---|---|
//! | [`TcpStream`], [`TcpListener`] | connections over the network |
//! | [`UdpSocket`] | datagrams over the network |
//! | [`UnixStream`], [`UnixListener`], [`UnixDatagram`] | the same within one machine, at paths and abstract addresses |
//! | [`SocketAncillary`] | descriptors and credentials that are sent beside data by Unix sockets |
//! | [`Socket`] | Python's `socket.socket`, of any family: [below](#pythons-sockets) |
//! | [`copy`], [`copy_bidirectional`] | everything from a reader to a writer, and between two streams both ways |
//!
//! The sockets but the last have the methods of the types of these names in [`std::net`] and [`std::os::unix::net`],
//! with the same results, and become such types by [`into_std`](TcpStream::into_std). They differ in this:
//!
//! * Timeouts are Python's: they belong to the handle and not to the connection, and are any
//!   [`Seconds`](crate::Seconds). A call that takes too long fails with [`TimedOut`](std::io::ErrorKind::TimedOut).
//!   With a timeout of 0 no call waits: a call that would have to wait fails with
//!   [`WouldBlock`](std::io::ErrorKind::WouldBlock), and so does [`connect_timeout`](TcpStream::connect_timeout).
//!   [`set_nonblocking`](TcpStream::set_nonblocking) sets a timeout of 0.
//! * A read into an empty buffer returns 0 at once. std passes such a read to the system, where it may wait for data.
//! * A write never raises `SIGPIPE`, whatever the process has set for this signal.
//! * A name is looked up while other greenlets run. [`Address`] lists the types that an address may have.
//! * Errors of `connect` and `bind` have the address inside, in an [`AddressError`].
//! * Calls that take several steps also have a form with a time limit for the whole call:
//!   [`write_all_timeout`](TcpStream::write_all_timeout), [`read_exact_timeout`](TcpStream::read_exact_timeout) and
//!   [`read_to_end_timeout`](TcpStream::read_to_end_timeout). [`connect_timeout`](TcpStream::connect_timeout) limits
//!   looking the name up and connecting to all its addresses together.
//! * If `write_all` or `read_exact` fails after a part, the error has a [`SendAllError`] or a [`ReadExactError`]
//!   inside, which tells how much that was. Its kind is the one that std has, but
//!   [`raw_os_error`](std::io::Error::raw_os_error) is that of its `source`. Without a part, the error is the system's.
//! * [`sendfile`](TcpStream::sendfile) sends a file.
//! * As in gevent, one greenlet at a time reads, and one writes. A second one gets a
//!   [`ConcurrentObjectUseError`](crate::exceptions::ConcurrentObjectUseError), but can wait by a descriptor of its own
//!   ([`try_clone`](TcpStream::try_clone)).
//! * As in gevent, a socket can be closed while there are other handles of it, and while greenlets wait for it.
//! * [`incoming`](TcpListener::incoming) ends when the listener is closed, and when an exception is thrown into the
//!   greenlet that waits. std's never ends.
//!
//! Descriptors that were [received](UnixStream::recv_vectored_with_ancillary) have an owner, and programs that this one
//! starts do not inherit them; std, where these calls are not stable yet, has numbers.
//!
//! Some things are so on Linux for Unix sockets. No event tells a greenlet which waits to write that the *other* side
//! ends only its reading: the greenlet is woken, with [`BrokenPipe`](std::io::ErrorKind::BrokenPipe), when the other
//! side reads the data that are there, or is closed. None tells that a listener's full queue has place again, nor that
//! of a receiver of datagrams that is not connected to the sender: a greenlet that connects or sends tries again every
//! few milliseconds.
//!
//! No type is [`AsFd`](std::os::fd::AsFd): a descriptor that is lent by that trait must stay open, but as in
//! gevent any handle may [close](TcpStream::close) the socket for all. Instead [`with_fd`](TcpStream::with_fd) lends
//! the descriptor to a closure, and the descriptor is not closed before the closure has returned.
//!
//! # Python's sockets
//!
//! [`Socket`] has the methods of Python's `socket.socket` under their names. It is another handle of the same socket
//! as the types above: `Socket::from(stream)` and `TcpStream::try_from(socket)` cost nothing.
//!
//! | Python | here |
//! |---|---|
//! | `socket(AF_INET, SOCK_STREAM)`, `socket(fileno=fd)` | [`Socket::new`], `Socket::try_from(fd)` or [`Socket::with_fileno`] |
//! | `s.family`, `s.type`, `s.proto` | [`family()`](Socket::family), [`type_()`](Socket::type_), [`proto()`](Socket::proto) |
//! | `("host", 80)`, `(host, 80, flowinfo, scope)`, `"path"`, `b"\0name"` | [`SocketAddress`], which the methods make of the same tuples and of texts. A port, path or name that cannot be is a [`BadAddress`] |
//! | `recv(n)`, `recv(n, flags)`, and so on | [`recv`](Socket::recv), [`recv_with_flags`](Socket::recv_with_flags), and so on |
//! | the `errno` of an `OSError` | [`raw_os_error`](std::io::Error::raw_os_error) |
//! | `connect_ex` | [`connect_ex`](Socket::connect_ex), whose errors are those that have no `errno` |
//! | `sendall` | [`sendall`](Socket::sendall). Its error tells in a [`SendAllError`] how much was sent, if anything was |
//! | `sendmsg(buffers, ancdata, flags, address)` | [`sendmsg`](Socket::sendmsg), [`sendmsg_with_flags`](Socket::sendmsg_with_flags), [`sendmsg_to`](Socket::sendmsg_to) |
//! | `recvmsg`, `recvmsg_into`, `CMSG_LEN`, `CMSG_SPACE` | [`recvmsg`](Socket::recvmsg), [`recvmsg_into`](Socket::recvmsg_into), [`CMSG_LEN`], [`CMSG_SPACE`] |
//! | `(SOL_SOCKET, SCM_RIGHTS, fds)`, `(level, type, data)` | [`SendAncillary`], [`Ancillary`]: descriptors have owners, and are closed if nobody takes them |
//! | `send_fds`, `recv_fds` | [`send_fds`], [`recv_fds`] |
//! | `makefile("rb")` | [`makefile`](Socket::makefile): a [`Read`](std::io::Read), [`BufRead`](std::io::BufRead) and [`Write`](std::io::Write) |
//! | `getsockopt(level, name)`, `getsockopt(level, name, n)` | [`getsockopt`](Socket::getsockopt), [`getsockopt_bytes`](Socket::getsockopt_bytes) |
//! | `setsockopt(level, name, bytes)` | [`with_options`](Socket::with_options), by the option's name |
//! | `dup()`, `detach()`, `close()` | the same. As in gevent, the descriptor of `detach` does not block |
//! | `create_connection(address, timeout, source_address)` | [`create_connection`], [`create_connection_timeout`], [`create_connection_with`] |
//! | `create_server`, `has_dualstack_ipv6`, `socketpair`, `fromfd` | the same, and [`create_server_with`], [`socketpair_with`] |
//! | `getaddrinfo`, `gethostbyname`, `getfqdn`, and so on; `gaierror`, `herror` | the same, and [`getaddrinfo_with`]; [`GaiError`], [`HError`]. See [`resolver`](crate::resolver) |
//! | `inet_aton`; `inet_ntoa`, `inet_pton`, `inet_ntop` | [`inet_aton`]; `to_string` and `parse` of std's addresses |
//! | `htons`, `ntohl`, and so on | `to_be`, `from_be` of the numbers |
//!
//! Where gevent and Python differ, this is as in gevent: a call with a timeout is tried before it waits, `sendall` of
//! nothing does nothing, and a closed socket takes a timeout. Three calls are as in Python: a second `connect` fails
//! with `EISCONN`, which in gevent does nothing; `sendall` with a timeout of 0 fails with `EAGAIN` also after a part,
//! where gevent says that it has timed out; and no call waits with `MSG_DONTWAIT`, which gevent obeys in `sendmsg`
//! only.
//!
//! # Other descriptors
//!
//! [`wait`], [`wait_read`], [`wait_write`] and [`wait_readwrite`] wait for any descriptor, and [`cancel_wait`] ends
//! such a wait.

mod address_error;
mod ancillary;
mod bind;
mod constants;
mod copying;
mod incoming;
mod inherited;
mod methods;
mod partial;
mod python;
mod raw;
mod tcp_listener;
mod tcp_stream;
mod udp;
mod unix_address;
mod unix_datagram;
mod unix_listener;
mod unix_stream;
mod waits;

pub use crate::resolver::{
    AddrInfo, Address, EAI_AGAIN, EAI_BADFLAGS, EAI_FAIL, EAI_FAMILY, EAI_MEMORY, EAI_NODATA, EAI_NONAME, EAI_OVERFLOW,
    EAI_SERVICE, EAI_SOCKTYPE, EAI_SYSTEM, Endpoint, GaiError, GetAddrInfo, HError, HostEntry, Service, getaddrinfo,
    getaddrinfo_with, getfqdn, gethostbyaddr, gethostbyname, gethostbyname_ex, gethostname, getnameinfo,
};
pub use address_error::AddressError;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use ancillary::UCred;
pub use ancillary::{
    Ancillary, AncillaryData, CMSG_LEN, CMSG_SPACE, Messages, ScmRights, SendAncillary, SocketAncillary,
};
pub(crate) use bind::Bind;
pub use bind::NotLoopbackError;
pub use constants::*;
pub use copying::{CopyBidirectionalError, Stream, copy, copy_bidirectional};
pub use incoming::{Incoming, Listener};
pub(crate) use incoming::{Sealed, is_of_listener};
pub use inherited::listen_fds;
pub use partial::{CopyError, ReadExactError, SendAllError};
pub use python::{
    BadAddress, CreateConnection, CreateServer, RecvMsg, Socket, SocketAddress, SocketFile, create_connection,
    create_connection_timeout, create_connection_with, create_server, create_server_with, fromfd, has_dualstack_ipv6,
    inet_aton, recv_fds, recv_fds_with_flags, send_fds, socketpair, socketpair_with,
};
#[cfg(any(feature = "ssl", feature = "ssl-aws-lc"))]
pub(crate) use raw::{Direction, Limit, NO_SIGNAL, valid_timeout};
pub(crate) use raw::{RawSocket, ends_all};
pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::UnixListener;
pub use unix_stream::UnixStream;
pub use waits::{WaitTimeout, cancel_wait, cancel_wait_ex, wait, wait_read, wait_readwrite, wait_write};
