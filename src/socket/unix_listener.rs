//! [`UnixListener`]: a Unix socket that accepts connections.

use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

use socket2::Type;

use super::bind::Bind;
use super::incoming::{Incoming, Listener};
use super::methods::socket_methods;
use super::raw::RawSocket;
use super::unix_address::as_unix;
use super::unix_stream::UnixStream;

/// A Unix socket that accepts connections. It has the methods of [`std::os::unix::net::UnixListener`], but they park
/// the greenlet instead of blocking the thread. Clones are handles of the same listener. As in std, the file of its
/// path stays when the listener is closed.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::socket::{UnixListener, UnixStream};
///
/// let path = std::env::temp_dir().join(format!("gevent-doc-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let client = gevent::spawn({
///     let path = path.clone();
///     move || Ok(UnixStream::connect(path)?.write_all(b"hello")?)
/// });
/// let (mut stream, _peer) = listener.accept()?;
/// let mut text = String::new();
/// stream.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # client.get()?;
/// std::fs::remove_file(path)?;
/// # Ok::<(), gevent::Exception>(())
/// ```
pub struct UnixListener(pub(super) Rc<RawSocket>);

impl UnixListener {
    /// Listens at a path, at which a file is made.
    ///
    /// # Errors
    /// Fails if there is a file already, even one that a former listener has left; with
    /// [`io::ErrorKind::InvalidInput`] for a path with a NUL byte, or a longer one than the system allows (107 bytes on
    /// Linux).
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// [`bind`](UnixListener::bind) to an address, which may be an abstract one, for which no file is made.
    ///
    /// # Errors
    /// As for `bind`.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        Self::bind_with(address.clone(), &Bind::default())
    }

    pub(crate) fn bind_with(address: SocketAddr, settings: &Bind) -> io::Result<Self> {
        let socket = settings.unix(&address, Type::STREAM)?;
        socket.listen(settings.backlog)?;
        Self::from_socket(socket)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// Fails if no descriptor is left for the connection, if the listener is closed, if no connection comes within the
    /// [timeout](UnixListener::set_timeout), and with an exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        connection(self.0.accept()?)
    }

    /// Accepts a connection if one waits already, and returns `None` if not.
    ///
    /// # Errors
    /// As for [`accept`](UnixListener::accept).
    pub fn try_accept(&self) -> io::Result<Option<(UnixStream, SocketAddr)>> {
        self.0.try_accept()?.map(connection).transpose()
    }

    /// An iterator that waits for connections and yields them, as that of
    /// [`TcpListener::incoming`](super::TcpListener::incoming) does.
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Incoming::of(self)
    }

    /// The address at which the socket listens.
    ///
    /// # Errors
    /// Fails if the listener is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        as_unix(self.0.socket()?.local_addr()?)
    }
}

socket_methods!(UnixListener, std::os::unix::net::UnixListener);

fn connection((socket, address): (socket2::Socket, socket2::SockAddr)) -> io::Result<(UnixStream, SocketAddr)> {
    Ok((UnixStream::of_nonblocking(socket)?, as_unix(address)?))
}

impl Listener for UnixListener {
    #[track_caller]
    fn next_stream(&self) -> io::Result<UnixStream> {
        self.accept().map(|(stream, _)| stream)
    }
}
