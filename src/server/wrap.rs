//! [`wrap_socket_and_handle`]: the place for TLS.

use greenlet_core::Exception;
use hub::core::CallbackResult;

/// A handler that first makes something else of each connection, in the handler's greenlet: a connection over TLS, say.
/// If `wrap_socket` fails, the error is that of the greenlet, and the connection is closed; nobody else is affected.
///
/// ```
/// use std::io::{self, BufRead, BufReader, Read, Write};
/// use gevent::server::{StreamServer, wrap_socket_and_handle};
/// use gevent::socket::TcpStream;
///
/// /// Stands for a handshake, which waits for the client.
/// fn greeted(stream: TcpStream) -> io::Result<BufReader<TcpStream>> {
///     let mut stream = BufReader::new(stream);
///     let mut greeting = String::new();
///     stream.read_line(&mut greeting)?;
///     match greeting.as_str() {
///         "hello\n" => Ok(stream),
///         _ => Err(io::ErrorKind::InvalidData.into()),
///     }
/// }
///
/// let handle = |stream: BufReader<TcpStream>, _address| Ok(stream.into_inner().write_all(b"welcome")?);
/// let server = StreamServer::new("127.0.0.1:0", wrap_socket_and_handle(greeted, handle));
/// server.start()?;
/// let mut client = TcpStream::connect(server.address().unwrap())?;
/// client.write_all(b"hello\n")?;
/// let mut text = String::new();
/// client.read_to_string(&mut text)?;
/// assert_eq!(text, "welcome");
/// # server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's method of this name, which calls `ssl_context.wrap_socket`.
pub fn wrap_socket_and_handle<S, A, W, E, R>(
    wrap_socket: impl Fn(S) -> Result<W, E> + 'static,
    handle: impl Fn(W, A) -> R + 'static,
) -> impl Fn(S, A) -> Result<(), Exception> + 'static
where
    Exception: From<E>,
    R: CallbackResult,
{
    move |socket, address| handle(wrap_socket(socket)?, address).into_result()
}
