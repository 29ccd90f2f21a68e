//! [`Place`]: where a server listens, and how clients reach it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::Result;
use crate::process::free_address;

/// A server's address, with the transport. Its text is an argument of the servers: `tcp:127.0.0.1:80`, for example.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
    Udp(SocketAddr),
}

impl Place {
    /// A place that is free at the moment, for a transport by its name.
    pub(super) fn free(over: &str) -> Result<Place> {
        let address = free_address()?;
        match over {
            "tcp" => Ok(Place::Tcp(address)),
            "udp" => Ok(Place::Udp(address)),
            "unix" => {
                let name = format!("gevent-bench-{}-{}", std::process::id(), address.port());
                Ok(Place::Unix(std::env::temp_dir().join(name)))
            }
            _ => Err(format!("{over} is not tcp, unix or udp").into()),
        }
    }

    /// Connects a blocking socket, whatever its transport.
    pub(super) fn connect(&self) -> io::Result<OwnedFd> {
        Ok(match self {
            Place::Tcp(address) => {
                let stream = std::net::TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.into()
            }
            Place::Unix(path) => UnixStream::connect(path)?.into(),
            Place::Udp(address) => {
                let socket = UdpSocket::bind("127.0.0.1:0")?;
                socket.connect(address)?;
                socket.into()
            }
        })
    }

    /// Whether a server answers here.
    pub(super) fn answers(&self) -> bool {
        let answer = || -> io::Result<()> {
            let socket = socket2::Socket::from(self.connect()?);
            socket.set_read_timeout(Some(Duration::from_millis(50)))?;
            (&socket).write_all(b"?")?;
            (&socket).read_exact(&mut [0])
        };
        answer().is_ok()
    }

    /// Removes what a server may leave.
    pub(super) fn clear(&self) {
        if let Place::Unix(path) = self {
            // It is not there if the server did not start.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Tcp(address) => write!(f, "tcp:{address}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
            Place::Udp(address) => write!(f, "udp:{address}"),
        }
    }
}

impl FromStr for Place {
    type Err = Box<dyn std::error::Error>;

    fn from_str(text: &str) -> Result<Place> {
        match text.split_once(':') {
            Some(("tcp", address)) => Ok(Place::Tcp(address.parse()?)),
            Some(("udp", address)) => Ok(Place::Udp(address.parse()?)),
            Some(("unix", path)) => Ok(Place::Unix(path.into())),
            _ => Err(format!("{text} is no place").into()),
        }
    }
}
