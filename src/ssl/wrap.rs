//! Making a TLS connection of a stream.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use greenlet_core::Exception;
use hub::core::CallbackResult;
use rustls::pki_types::ServerName;
use rustls::server::Acceptor;
use rustls::{ClientConnection, Connection, ServerConnection};

use super::config::Config;
use super::context::{Protocol, SSLContext, VerifyMode};
use super::engine::{Engine, Tls};
use super::errors::of_rustls;
use super::handshake::Handshake;
use super::stream::SslStream;
use crate::server;
use crate::socket::{Socket, Stream};

/// The arguments of [`SSLContext::wrap_socket_with`]. Which side this is, Python's `server_side`, the context says.
#[derive(Debug, Clone, Copy)]
pub struct WrapSocket<'a> {
    /// The name or the IP address of the server, for a client: the server is told the name, and its certificate must be
    /// one for it.
    pub server_hostname: Option<&'a str>,
    /// Whether the handshake is done before the function returns; true by default. If not, the first call that reads or
    /// writes does it, or [`do_handshake`](SslStream::do_handshake).
    pub do_handshake_on_connect: bool,
    /// Whether a read takes an end without TLS's own mark for one like others, and returns 0: false by default. In
    /// Python it is true, but then nobody notices when data are cut off on the way.
    pub suppress_ragged_eofs: bool,
}

impl Default for WrapSocket<'_> {
    fn default() -> Self {
        WrapSocket {
            server_hostname: None,
            do_handshake_on_connect: true,
            suppress_ragged_eofs: false,
        }
    }
}

impl SSLContext {
    /// Makes a TLS connection of a stream that is connected, and does the handshake. A client says the name or the IP
    /// address of the server; a server passes `None`.
    ///
    /// What was read from the stream before, into a buffer, say, is not seen by TLS.
    ///
    /// Source: gevent's `SSLContext.wrap_socket`.
    ///
    /// # Errors
    /// Fails as [`SslStream::do_handshake`] does, and the stream is dropped then; with
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the context of a server has no certificate, if a server is
    /// given a name, or a client needs one, and if it is neither a name nor an address.
    #[track_caller]
    pub fn wrap_socket<'a, S: Stream>(
        &self,
        stream: S,
        server_hostname: impl Into<Option<&'a str>>,
    ) -> io::Result<SslStream<S>> {
        let options = WrapSocket {
            server_hostname: server_hostname.into(),
            ..WrapSocket::default()
        };
        self.wrap_socket_with(stream, options)
    }

    /// [`wrap_socket`](SSLContext::wrap_socket) with all its arguments.
    ///
    /// # Errors
    /// As for `wrap_socket`.
    #[track_caller]
    pub fn wrap_socket_with<S: Stream>(&self, stream: S, options: WrapSocket<'_>) -> io::Result<SslStream<S>> {
        let raw = Into::<Socket>::into(stream.clone()).0;
        let tls = match self.protocol() {
            Protocol::TlsServer if options.server_hostname.is_some() => {
                return Err(invalid("server_hostname can only be specified in client mode"));
            }
            Protocol::TlsServer if self.sni_callback.is_some() => Tls::Accepting(Acceptor::default()),
            _ => Tls::Open(self.connection(&options, || raw.socket().ok()?.peer_addr().ok()?.as_socket())?),
        };
        let engine = Rc::new(Engine::new(raw, tls, Handshake::new(self), &options));
        let stream = SslStream { stream, engine };
        if options.do_handshake_on_connect {
            stream.do_handshake()?;
        }
        Ok(stream)
    }

    fn connection(
        &self,
        options: &WrapSocket<'_>,
        peer: impl Fn() -> Option<std::net::SocketAddr>,
    ) -> io::Result<Connection> {
        match (self.config()?, options.server_hostname) {
            (Config::Server(config), _) => Ok(ServerConnection::new(config).map_err(of_rustls)?.into()),
            (Config::Client(config), Some(hostname)) => {
                let name = ServerName::try_from(hostname.to_owned());
                let name = name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
                Ok(ClientConnection::new(config, name).map_err(of_rustls)?.into())
            }
            (Config::Client(config), None) => {
                if self.needs_hostname() {
                    return Err(invalid("check_hostname requires server_hostname"));
                }
                // rustls wants something to keep sessions by. It does not tell the server an address.
                let address = peer().map_or(std::net::Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
                let name = ServerName::from(address);
                Ok(ClientConnection::new(config, name).map_err(of_rustls)?.into())
            }
        }
    }

    fn needs_hostname(&self) -> bool {
        self.is_given() || (self.check_hostname() && self.verify_mode() != VerifyMode::CertNone)
    }

    /// Has a server call `callback` with the name that a client has asked for, if any, before it answers. The function
    /// returns the context for this connection, or none for this one, whose certificate need not be there then. It may
    /// wait. If it fails, so does the handshake, with the same error.
    ///
    /// ```
    /// use gevent::prelude::*;
    /// use gevent::socket::UnixStream;
    /// use gevent::ssl::{Protocol, SSLContext};
    ///
    /// let mut other = SSLContext::new(Protocol::TlsServer);
    /// other.load_cert_chain("tests/tls/other.crt", "tests/tls/other.key")?;
    /// let mut server = SSLContext::new(Protocol::TlsServer);
    /// server.load_cert_chain("tests/tls/localhost.crt", "tests/tls/localhost.key")?;
    /// server.set_sni_callback(move |name| Ok((name == Some("other.example")).then(|| other.clone())));
    /// let mut client = SSLContext::new(Protocol::TlsClient);
    /// client.load_verify_locations("tests/tls/ca.crt")?;
    ///
    /// for name in ["localhost", "other.example"] {
    ///     let (near, far) = UnixStream::pair()?;
    ///     let server = server.clone();
    ///     let serving = spawn(move || Ok(server.wrap_socket(far, None)?.server_hostname()));
    ///     client.wrap_socket(near, name)?;
    ///     assert_eq!(serving.get()?.as_deref(), Some(name));
    /// }
    /// # Ok::<(), Exception>(())
    /// ```
    ///
    /// Source: Python's `SSLContext.sni_callback`, which sets the context of the connection that it is given.
    pub fn set_sni_callback(
        &mut self,
        callback: impl Fn(Option<&str>) -> Result<Option<SSLContext>, Exception> + Send + Sync + 'static,
    ) {
        self.sni_callback = Some(Arc::new(callback));
    }

    /// A handler of a [`StreamServer`](crate::server::StreamServer), for connections over TLS: the handshake is done in
    /// the handler's greenlet, so that it holds up nobody else, and `handle` gets the [`SslStream`]. If the handshake
    /// fails, or takes longer than [it may](SSLContext::set_handshake_timeout), the error is reported as that of the
    /// greenlet, and the connection is closed.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use gevent::server::StreamServer;
    /// use gevent::socket::TcpStream;
    /// use gevent::ssl::{Protocol, SSLContext, SslStream};
    ///
    /// let mut context = SSLContext::new(Protocol::TlsServer);
    /// context.load_cert_chain("tests/tls/localhost.crt", "tests/tls/localhost.key")?;
    /// let handle = |mut stream: SslStream, _address| Ok(stream.write_all(b"welcome")?);
    /// let server = StreamServer::new("127.0.0.1:0", context.wrap_socket_and_handle(handle));
    /// server.start()?;
    ///
    /// let mut context = SSLContext::new(Protocol::TlsClient);
    /// context.load_verify_locations("tests/tls/ca.crt")?;
    /// let stream = TcpStream::connect(server.address().unwrap())?;
    /// let mut text = String::new();
    /// context.wrap_socket(stream, "localhost")?.read_to_string(&mut text)?;
    /// assert_eq!(text, "welcome");
    /// # server.stop()?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// Source: the argument `ssl_context` of gevent's servers, and their method of this name.
    pub fn wrap_socket_and_handle<S: Stream + 'static, A: 'static, R: CallbackResult>(
        &self,
        handle: impl Fn(SslStream<S>, A) -> R + 'static,
    ) -> impl Fn(S, A) -> Result<(), Exception> + 'static {
        self.wrap_socket_and_handle_with(WrapSocket::default(), handle)
    }

    /// [`wrap_socket_and_handle`](SSLContext::wrap_socket_and_handle) with other arguments for
    /// [`wrap_socket_with`](SSLContext::wrap_socket_with).
    pub fn wrap_socket_and_handle_with<S: Stream + 'static, A: 'static, R: CallbackResult>(
        &self,
        options: WrapSocket<'static>,
        handle: impl Fn(SslStream<S>, A) -> R + 'static,
    ) -> impl Fn(S, A) -> Result<(), Exception> + 'static {
        let context = self.clone();
        server::wrap_socket_and_handle(move |stream: S| context.wrap_socket_with(stream, options), handle)
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
