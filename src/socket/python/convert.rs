//! Conversions between [`Socket`] and the types with std's face. Both are handles of the same socket.

use std::io;

use super::Socket;
use crate::socket::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};

const INET: [i32; 2] = [libc::AF_INET, libc::AF_INET6];

macro_rules! views {
    ($($view:ident: $families:expr, $type_:expr;)*) => {$(
        impl From<$view> for Socket {
            fn from(socket: $view) -> Socket {
                Socket(socket.0)
            }
        }

        /// Another handle of the same socket, which keeps its timeout.
        ///
        /// # Errors
        /// Fails if the socket has another family or type.
        impl TryFrom<Socket> for $view {
            type Error = io::Error;

            fn try_from(socket: Socket) -> io::Result<$view> {
                if $families.contains(&socket.family()?) && socket.type_()? == $type_ {
                    return Ok($view(socket.0));
                }
                let why = concat!("the socket is no ", stringify!($view));
                Err(io::Error::new(io::ErrorKind::InvalidInput, why))
            }
        }
    )*};
}

views! {
    TcpStream: INET, libc::SOCK_STREAM;
    TcpListener: INET, libc::SOCK_STREAM;
    UdpSocket: INET, libc::SOCK_DGRAM;
    UnixStream: [libc::AF_UNIX], libc::SOCK_STREAM;
    UnixListener: [libc::AF_UNIX], libc::SOCK_STREAM;
    UnixDatagram: [libc::AF_UNIX], libc::SOCK_DGRAM;
}
