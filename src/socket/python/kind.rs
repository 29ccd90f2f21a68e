//! [`Kind`]: the three numbers that a socket is made of.

use std::io;

/// Family, type and protocol, as Python has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::socket) struct Kind {
    pub(super) family: i32,
    /// Without the flags that Linux allows in it.
    pub(super) type_: i32,
    pub(super) proto: i32,
}

impl Kind {
    pub(super) fn new(family: i32, type_: i32, proto: i32) -> Kind {
        Kind {
            family,
            type_: type_ & !TYPE_FLAGS,
            proto,
        }
    }

    /// What the system says that a socket is.
    pub(in crate::socket) fn of(socket: &socket2::Socket) -> io::Result<Kind> {
        let family = socket.local_addr()?.domain();
        Ok(Kind::new(family.into(), socket.r#type()?.into(), protocol(socket)?))
    }

    /// Makes a socket that does not block and that a new program does not inherit.
    pub(super) fn make(self) -> io::Result<socket2::Socket> {
        let protocol = (self.proto != 0).then(|| self.proto.into());
        let socket = socket2::Socket::new(self.family.into(), self.type_.into(), protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const TYPE_FLAGS: i32 = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const TYPE_FLAGS: i32 = 0;

#[cfg(any(target_os = "linux", target_os = "android"))]
fn protocol(socket: &socket2::Socket) -> io::Result<i32> {
    Ok(socket.protocol()?.map_or(0, Into::into))
}

/// These systems do not tell.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn protocol(_socket: &socket2::Socket) -> io::Result<i32> {
    Ok(0)
}
