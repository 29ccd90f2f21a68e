//! [`listen_fds`]: the sockets that a service manager hands to a program.

use std::env;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::process;

use super::Socket;

/// The first of the descriptors that are handed over.
const FIRST: RawFd = 3;

/// The sockets that systemd, or another program with its protocol, has opened for this process: those of the units'
/// `ListenStream=` and `ListenDatagram=`, in their order. Empty if there are none for this process.
///
/// What a socket is tell its [`family`](Socket::family) and [`type_`](Socket::type_), and it becomes the socket of a
/// server by `try_from`, which fails for another kind.
///
/// ```
/// use gevent::server::{StreamServer, listen_fds};
/// use gevent::socket::TcpListener;
///
/// let serve = |_stream, _address| ();
/// let server = match listen_fds()?.into_iter().next() {
///     Some(socket) => StreamServer::builder().build_on(TcpListener::try_from(socket)?, serve),
///     None => StreamServer::new(":0", serve),
/// };
/// server.start()?;
/// # server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// The descriptors are duplicated, so that the function can be called again, and other code that takes them over is not
/// disturbed. New programs inherit neither. A server that is stopped leaves the socket open, as systemd itself does:
/// clients can connect, and wait for the next process. The variables `LISTEN_FDS` and `LISTEN_PID` stay as they are,
/// since a program that runs cannot change its environment safely; the latter says that they are for this process only,
/// so a child does not take them for its own.
///
/// Source: systemd's `sd_listen_fds`. gevent has no counterpart.
///
/// # Errors
/// Fails if the variables make no sense, if a descriptor is not open or no socket, and if none is left for a duplicate.
pub fn listen_fds() -> io::Result<Vec<Socket>> {
    if number("LISTEN_PID")? != Some(process::id()) {
        return Ok(Vec::new());
    }
    let count = number("LISTEN_FDS")?.unwrap_or(0);
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "LISTEN_FDS is too large");
    let count = RawFd::try_from(count).map_err(|_| invalid())?;
    let end = FIRST.checked_add(count).ok_or_else(invalid)?;
    // All of them, before a duplicate can have one of the numbers.
    (FIRST..end).try_for_each(close_on_exec)?;
    let socket = |fd| {
        let socket = Socket::try_from(duplicate(fd, end)?)?;
        // What is no socket fails here.
        socket.family()?;
        Ok(socket)
    };
    (FIRST..end).map(socket).collect()
}

fn number(name: &str) -> io::Result<Option<u32>> {
    let Some(value) = env::var_os(name) else {
        return Ok(None);
    };
    let parsed = value.to_str().and_then(|value| value.parse().ok());
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("{name}={value:?} is no number"));
    parsed.map(Some).ok_or_else(invalid)
}

/// Has new programs not inherit a descriptor from now on. Fails if it is not open.
#[allow(unsafe_code)]
fn close_on_exec(fd: RawFd) -> io::Result<()> {
    // SAFETY: the call takes numbers only, and the system checks them. The flag concerns only programs that are
    // executed later.
    match unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// A new descriptor of the same socket, with a number that is not below `least`. New programs do not inherit it.
#[allow(unsafe_code)]
fn duplicate(fd: RawFd, least: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only, and the system checks them.
    let new = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, least) };
    if new == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system has just made this descriptor, and nobody else has its number.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}
