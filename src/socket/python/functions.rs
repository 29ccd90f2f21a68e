//! Functions that make a [`Socket`].

use std::io;
use std::os::fd::BorrowedFd;

use super::{Kind, Socket};

/// Two sockets of `AF_UNIX` and `SOCK_STREAM` that are connected with each other.
///
/// ```
/// let (here, there) = gevent::socket::socketpair()?;
/// here.sendall(b"hello")?;
/// assert_eq!(there.recv(100)?, b"hello");
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// Fails if no descriptors are left, and if this thread can have no hub.
pub fn socketpair() -> io::Result<(Socket, Socket)> {
    socketpair_with(libc::AF_UNIX, libc::SOCK_STREAM, 0)
}

/// [`socketpair`] of another family or type.
///
/// # Errors
/// Fails as the system's `socketpair` does, and if this thread can have no hub.
pub fn socketpair_with(family: i32, type_: i32, proto: i32) -> io::Result<(Socket, Socket)> {
    let kind = Kind::new(family, type_, proto);
    let protocol = (proto != 0).then(|| proto.into());
    let (a, b) = socket2::Socket::pair(family.into(), kind.type_.into(), protocol)?;
    let of = |socket: socket2::Socket| {
        socket.set_nonblocking(true)?;
        Socket::of_kind(socket, kind)
    };
    Ok((of(a)?, of(b)?))
}

/// A socket of a copy of a descriptor.
///
/// # Errors
/// Fails if no descriptor is left, and as [`Socket::with_fileno`] does.
pub fn fromfd(fd: BorrowedFd<'_>, family: i32, type_: i32, proto: i32) -> io::Result<Socket> {
    Socket::with_fileno(family, type_, proto, fd.try_clone_to_owned()?)
}
