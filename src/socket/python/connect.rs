//! [`create_connection`] and its settings.

use std::io;

use hub::Seconds;

use super::{Socket, SocketAddress};
use crate::resolver::Address;
use crate::socket::raw::ends_all;

/// Settings of [`create_connection_with`].
#[derive(Debug, Clone, Default)]
pub struct CreateConnection {
    /// The timeout of the socket. `None`, the default, is no limit.
    pub timeout: Option<f64>,
    /// The address of this side.
    pub source_address: Option<SocketAddress>,
}

impl CreateConnection {
    /// Sets [`timeout`](CreateConnection::timeout).
    #[must_use]
    pub fn timeout(mut self, seconds: impl Seconds) -> Self {
        self.timeout = seconds.seconds();
        self
    }

    /// Sets [`source_address`](CreateConnection::source_address).
    #[must_use]
    pub fn source_address(mut self, address: impl Into<SocketAddress>) -> Self {
        self.source_address = Some(address.into());
        self
    }
}

/// Connects to an address. If there are several, it connects to the first one that answers.
///
/// ```
/// use gevent::socket::{create_connection, create_server};
///
/// let server = create_server(("127.0.0.1", 0))?;
/// let address = gevent::socket::TcpListener::try_from(server.clone())?.local_addr()?;
/// let client = gevent::spawn(move || Ok(create_connection(address)?.sendall(b"hello")?));
/// assert_eq!(server.accept()?.0.recv(100)?, b"hello");
/// # client.get()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// Returns the error of the last address, or that of looking the name up. An exception that is thrown into the current
/// greenlet meanwhile is returned at once; further addresses are not tried.
#[track_caller]
pub fn create_connection(address: impl Address) -> io::Result<Socket> {
    create_connection_with(address, CreateConnection::default())
}

/// [`create_connection`] with a timeout in seconds, for connecting to each address, and for the socket afterwards.
///
/// # Errors
/// As for `create_connection`; if the time is over; and for a time that is negative or not a number.
#[track_caller]
pub fn create_connection_timeout(address: impl Address, timeout: impl Seconds) -> io::Result<Socket> {
    create_connection_with(address, CreateConnection::default().timeout(timeout))
}

/// [`create_connection`] with settings.
///
/// # Errors
/// As for [`create_connection_timeout`], and if the source address cannot be taken.
#[track_caller]
pub fn create_connection_with(address: impl Address, settings: CreateConnection) -> io::Result<Socket> {
    let mut failure = None;
    for address in address.into_endpoint().resolve()? {
        match connect_one(address.into(), &settings) {
            Ok(socket) => return Ok(socket),
            Err(error) if ends_all(&error) => return Err(error),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
}

#[track_caller]
fn connect_one(address: SocketAddress, settings: &CreateConnection) -> io::Result<Socket> {
    let family = match address {
        SocketAddress::Inet6(_) => libc::AF_INET6,
        _ => libc::AF_INET,
    };
    let socket = Socket::new(family, libc::SOCK_STREAM, libc::IPPROTO_TCP)?;
    socket.settimeout(settings.timeout)?;
    if let Some(source) = &settings.source_address {
        socket.bind(source)?;
    }
    socket.connect(address)?;
    Ok(socket)
}
