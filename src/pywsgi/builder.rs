//! [`Builder`]: servers with settings other than the defaults.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::Path;
use std::rc::Rc;

use greenlet_core::Exception;
use http::Request;
use hub::Seconds;
use hub::core::CallbackResult;

use super::body::Body;
use super::connection::{Shared, serve};
use super::connections::Connections;
use super::limits::Limits;
use super::log::{AccessLog, ErrorLog, LogTo};
use super::proxy::ProxyProtocol;
use super::response::ResponseWriter;
use super::server::{WSGIServer, WebListener, handler_of, inet};
use super::stream::WebStream;
use crate::baseserver::{Place, Spawn};
use crate::server::{self, StreamServer};
use crate::socket::{Address, TcpListener, TcpStream, UnixListener, UnixStream};

/// Makes a server with settings other than the defaults: the keyword arguments of gevent's `WSGIServer`.
///
/// ```
/// use gevent::pywsgi::{Limits, WSGIServer};
/// use gevent::server::StreamServer;
///
/// let server = WSGIServer::builder()
///     .server(StreamServer::builder().backlog(10_000).reuse_port(true))
///     .spawn(1000)
///     .stop_timeout(10)
///     .limits(Limits { requests: Some(10_000), ..Limits::default() })
///     .log(None)
///     .build("127.0.0.1:0", |_request, response| response.send("hello"));
/// # drop(server);
/// ```
///
/// The parameter is what makes a stream of a connection: [`NotWrapped`], or the function of
/// [`wrap_socket`](Builder::wrap_socket).
#[must_use]
pub struct Builder<W = NotWrapped> {
    server: server::Builder<StreamServer>,
    wrap: W,
    limits: Limits,
    logs: Logs,
    proxy: ProxyProtocol,
    scheme: Option<Cow<'static, str>>,
}

/// None, unless it was said.
#[derive(Default)]
struct Logs {
    access: Option<Option<AccessLog>>,
    errors: Option<Option<ErrorLog>>,
}

/// What makes a stream of a connection: [`NotWrapped`], or the function of [`wrap_socket`](Builder::wrap_socket).
pub trait WrapSocket<C>: sealed::Sealed + 'static {
    /// The stream over which requests are served.
    type Stream: WebStream;

    /// The scheme of addresses of such a server.
    const SCHEME: &'static str;

    /// Makes the stream of a connection that has just come.
    ///
    /// # Errors
    /// Fails if the client does not do its part.
    fn wrap_socket(&self, client: C) -> Result<Self::Stream, Exception>;
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::NotWrapped {}
    impl<F> Sealed for super::Wrapped<F> {}
}

/// Says that connections are served as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct NotWrapped;

impl<C: WebStream> WrapSocket<C> for NotWrapped {
    type Stream = C;
    const SCHEME: &'static str = "http";

    fn wrap_socket(&self, client: C) -> Result<C, Exception> {
        Ok(client)
    }
}

/// The function of [`wrap_socket`](Builder::wrap_socket).
pub struct Wrapped<F>(F);

impl<F> fmt::Debug for Wrapped<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wrapped")
    }
}

impl<C, S, E, F> WrapSocket<C> for Wrapped<F>
where
    F: Fn(C) -> Result<S, E> + 'static,
    S: WebStream,
    Exception: From<E>,
{
    type Stream = S;
    const SCHEME: &'static str = "https";

    fn wrap_socket(&self, client: C) -> Result<S, Exception> {
        Ok((self.0)(client)?)
    }
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            server: server::Builder::default(),
            wrap: NotWrapped,
            limits: Limits::default(),
            logs: Logs::default(),
            proxy: ProxyProtocol::default(),
            scheme: None,
        }
    }
}

impl<W> fmt::Debug for Builder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Builder");
        shown.field("server", &self.server).field("limits", &self.limits);
        shown.finish_non_exhaustive()
    }
}

impl<W> Builder<W> {
    /// Takes the settings of a [`StreamServer`], instead of all that were made before: where it runs the connections,
    /// how it listens, and so on. [`Spawn::Default`] means a pool of the server's own, without a limit.
    pub fn server(mut self, server: server::Builder<StreamServer>) -> Self {
        self.server = server;
        self
    }

    /// Sets where the connections run: a [`Spawn`], a number of greenlets, or a [`Pool`](crate::pool::Pool).
    pub fn spawn(mut self, spawn: impl Into<Spawn>) -> Self {
        self.server = self.server.spawn(spawn);
        self
    }

    /// Sets how many seconds [`stop`](crate::server::BaseServer::stop) lets connections go on with their requests; 1 by
    /// default, as in gevent.
    pub fn stop_timeout(mut self, timeout: impl Seconds) -> Self {
        self.server = self.server.stop_timeout(timeout);
        self
    }

    /// Sets what clients may send, and how long they may take.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the [access log](WSGIServer::set_log).
    pub fn log(mut self, log: Option<AccessLog>) -> Self {
        self.logs.access = Some(log);
        self
    }

    /// Sets the [error log](WSGIServer::set_error_log).
    pub fn error_log(mut self, log: Option<ErrorLog>) -> Self {
        self.logs.errors = Some(log);
        self
    }

    /// Sets whether each connection comes from a proxy that tells for whom it connects.
    pub fn proxy_protocol(mut self, proxy: ProxyProtocol) -> Self {
        self.proxy = proxy;
        self
    }

    /// Sets the [scheme](super::Environ::url_scheme) of the server's addresses, which is otherwise `http`, or `https`
    /// for a server that [wraps](Builder::wrap_socket) its connections.
    pub fn url_scheme(mut self, scheme: impl Into<Cow<'static, str>>) -> Self {
        self.scheme = Some(scheme.into());
        self
    }

    /// Has `wrap` make a stream of each connection, in the greenlet of the connection: the handshake of TLS, say. The
    /// time that it takes is part of the [`head_timeout`](Limits::head_timeout). If it fails, the error is that of the
    /// greenlet, and the connection is closed; nobody else is affected.
    ///
    /// ```
    /// use std::io;
    /// use gevent::pywsgi::WSGIServer;
    /// use gevent::socket::TcpStream;
    ///
    /// /// Stands for a handshake.
    /// fn wrap(stream: TcpStream) -> io::Result<TcpStream> {
    ///     Ok(stream)
    /// }
    ///
    /// let server = WSGIServer::builder()
    ///     .wrap_socket(wrap)
    ///     .build("127.0.0.1:0", |_request, response| response.send("hello"));
    /// # drop(server);
    /// ```
    ///
    /// Source: gevent's `ssl_context`.
    pub fn wrap_socket<C, S, E, F: Fn(C) -> Result<S, E> + 'static>(self, wrap: F) -> Builder<Wrapped<F>> {
        Builder {
            wrap: Wrapped(wrap),
            server: self.server,
            limits: self.limits,
            logs: self.logs,
            proxy: self.proxy,
            scheme: self.scheme,
        }
    }

    /// Makes a server that will listen at `address` once it is started.
    pub fn build<R: CallbackResult>(
        self,
        address: impl Address,
        handler: impl Fn(&mut Request<Body>, &mut ResponseWriter) -> R + 'static,
    ) -> WSGIServer
    where
        W: WrapSocket<TcpStream>,
    {
        self.make(Place::<TcpListener>::At(address.into_endpoint()), handler)
    }

    /// Makes a server that will accept from `listener` once it is started.
    ///
    /// ```
    /// use gevent::pywsgi::WSGIServer;
    /// use gevent::socket::TcpListener;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let server = WSGIServer::builder().build_on(listener, |_request, response| response.send("hello"));
    /// assert!(!server.closed());
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn build_on<L: WebListener, R: CallbackResult>(
        self,
        listener: L,
        handler: impl Fn(&mut Request<Body>, &mut ResponseWriter) -> R + 'static,
    ) -> WSGIServer<L>
    where
        W: WrapSocket<L::Client>,
    {
        self.make(Place::On(listener), handler)
    }

    /// Makes a server that will listen at a Unix socket once it is started. The file at the path is made then, and
    /// removed when the server is closed; a start fails if there is a file already.
    ///
    /// ```
    /// use gevent::pywsgi::WSGIServer;
    ///
    /// let path = std::env::temp_dir().join(format!("gevent-wsgi-{}", std::process::id()));
    /// let server = WSGIServer::builder().build_at_path(&path, |_request, response| response.send("hello"))?;
    /// server.start()?;
    /// server.stop()?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// # Errors
    /// Fails with [`io::ErrorKind::InvalidInput`] for a path with a NUL byte, or a longer one than the system allows.
    pub fn build_at_path<R: CallbackResult>(
        self,
        path: impl AsRef<Path>,
        handler: impl Fn(&mut Request<Body>, &mut ResponseWriter) -> R + 'static,
    ) -> io::Result<WSGIServer<UnixListener>>
    where
        W: WrapSocket<UnixStream>,
    {
        let address = UnixAddr::from_pathname(path)?;
        Ok(self.make(Place::<UnixListener>::At(address), handler))
    }

    fn make<L: WebListener, R: CallbackResult>(
        self,
        place: Place<L>,
        handler: impl Fn(&mut Request<Body>, &mut ResponseWriter) -> R + 'static,
    ) -> WSGIServer<L>
    where
        W: WrapSocket<L::Client>,
    {
        let hub = hub::get_hub();
        let stderr = LogTo::new(io::stderr());
        let shared = Rc::new(Shared {
            handler: RefCell::new(handler_of(handler)),
            limits: Cell::new(self.limits),
            log: RefCell::new(self.logs.access.unwrap_or_else(|| Some(stderr.access()))),
            error_log: RefCell::new(self.logs.errors.unwrap_or_else(|| Some(stderr.errors()))),
            proxy: self.proxy,
            scheme: self.scheme.unwrap_or(Cow::Borrowed(W::SCHEME)),
            connections: Rc::new(Connections::new(hub.clone())),
            hub,
        });
        let (its, wrap) = (shared.clone(), self.wrap);
        let base = self
            .server
            .base_in_pool(place, move |client: L::Client, address: L::Address| {
                serve(&its, client, inet(&address), |client| wrap.wrap_socket(client))
            });
        let connections = Rc::downgrade(&shared.connections);
        base.set_on_change(move |open| {
            if let Some(connections) = connections.upgrade() {
                connections.set_open(open);
            }
        });
        WSGIServer::of(base, shared)
    }
}
