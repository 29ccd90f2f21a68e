//! Conversions between std's addresses of Unix sockets and those of `socket2`.

use std::ffi::OsStr;
use std::io;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;

use socket2::SockAddr;

pub(super) fn as_unix(address: SockAddr) -> io::Result<SocketAddr> {
    if let Some(path) = address.as_pathname() {
        return SocketAddr::from_pathname(path);
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_namespace() {
        return SocketAddr::from_abstract_name(name);
    }
    // The sender of a datagram that has no address is told by a length of 0, without a family.
    if address.is_unix() || address.len() == 0 {
        return SocketAddr::from_pathname("");
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "not the address of a Unix socket",
    ))
}

pub(super) fn of_unix(address: &SocketAddr) -> io::Result<SockAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_name() {
        return SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat()));
    }
    match address.as_pathname() {
        Some(path) => SockAddr::unix(path),
        None => SockAddr::unix(OsStr::from_bytes(b"")),
    }
}
