//! [`WSGIServer`]: the server.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::ops::Deref;
use std::rc::Rc;

use http::Request;
use hub::core::CallbackResult;

use super::body::Body;
use super::builder::Builder;
use super::connection::{Handler, Shared};
use super::limits::Limits;
use super::log::{AccessLog, ErrorLog};
use super::response::ResponseWriter;
use super::stream::WebStream;
use crate::baseserver::{BaseServer, ServerAddress};
use crate::socket::{Address, Listener, Socket, TcpListener, UnixListener};

/// A listener whose connections a [`WSGIServer`] serves: [`TcpListener`] or [`UnixListener`].
pub trait WebListener: Listener<Client: WebStream + Into<Socket>> {}

impl WebListener for TcpListener {}
impl WebListener for UnixListener {}

/// An HTTP server. Its handler is called for each request, in the greenlet of the connection. Clones are handles of the
/// same server, and cheap. Its methods are those of [`BaseServer`], and these.
///
/// ```
/// use std::io::{Read, Write};
/// use gevent::pywsgi::WSGIServer;
/// use gevent::socket::TcpStream;
///
/// let server = WSGIServer::new("127.0.0.1:0", |request, response| {
///     response.header("Content-Type", "text/plain")?;
///     response.send(format!("You ask for {}", request.uri().path()))
/// });
/// server.set_log(None);
/// server.start()?;
/// let mut client = TcpStream::connect(server.address().unwrap())?;
/// client.write_all(b"GET /index HTTP/1.0\r\n\r\n")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"));
/// assert!(answer.ends_with("You ask for /index"));
/// server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// [`stop`](BaseServer::stop) is graceful: connections that wait for a request are closed, those that serve one answer
/// with `Connection: close`, and the call waits until all have ended, or the time is over; then they are killed. For
/// this, connections run in a [pool](crate::server::Spawn::Pool) without a limit, unless another place is chosen.
///
/// An error or panic of a handler is reported by the hub's error handler, the client gets status 500, and its
/// connection is closed. Nobody else is affected. If the greenlet of a handler is killed, nothing is reported.
///
/// The parameter is the type of the listener: `WSGIServer` alone is a TCP server, and `WSGIServer<UnixListener>` one of
/// Unix sockets, which a [builder](Builder::build_at_path) makes.
///
/// Source: gevent's `WSGIServer`. There `stop` does not wait for connections without a pool, and closes none that wait
/// for a request.
pub struct WSGIServer<L: WebListener = TcpListener> {
    base: BaseServer<L>,
    shared: Rc<Shared>,
}

impl WSGIServer {
    /// Makes a server with the default settings, which will listen at `address` once it is started.
    pub fn new<R: CallbackResult>(
        address: impl Address,
        handler: impl Fn(&mut Request<Body>, &mut ResponseWriter) -> R + 'static,
    ) -> Self {
        Self::builder().build(address, handler)
    }

    /// Begins a server with settings of its own.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl<L: WebListener> WSGIServer<L> {
    pub(super) fn of(base: BaseServer<L>, shared: Rc<Shared>) -> Self {
        WSGIServer { base, shared }
    }

    /// Has `handler` called for the requests that come from now on.
    ///
    /// Source: setting `application` on a gevent server.
    pub fn set_application<R: CallbackResult>(
        &self,
        handler: impl Fn(&mut Request<Body>, &mut ResponseWriter) -> R + 'static,
    ) {
        drop(self.shared.handler.replace(handler_of(handler)));
    }

    /// What clients may send, and how long they may take.
    pub fn limits(&self) -> Limits {
        self.shared.limits.get()
    }

    /// Sets the [limits](WSGIServer::limits) of connections that come from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.limits.set(limits);
    }

    /// Sets the access log: a function that is called after each request, in the greenlet of the connection, or none.
    /// At first requests are written to standard error, as in gevent.
    ///
    /// ```
    /// use std::rc::Rc;
    /// use gevent::pywsgi::{Access, WSGIServer};
    ///
    /// let server = WSGIServer::new("127.0.0.1:0", |_request, response| response.send("hello"));
    /// server.set_log(Some(Rc::new(|access: &Access<'_>| println!("{}", access.combined()))));
    /// # drop(server);
    /// ```
    pub fn set_log(&self, log: Option<AccessLog>) {
        drop(self.shared.log.replace(log));
    }

    /// The access log.
    pub fn log(&self) -> Option<AccessLog> {
        self.shared.log.borrow().clone()
    }

    /// Sets the error log: a function that is called for each request that is refused, in the greenlet of the
    /// connection, or none. At first they are written to standard error, as in gevent. (Errors of handlers are reported
    /// by the hub.)
    pub fn set_error_log(&self, log: Option<ErrorLog>) {
        drop(self.shared.error_log.replace(log));
    }

    /// The error log.
    pub fn error_log(&self) -> Option<ErrorLog> {
        self.shared.error_log.borrow().clone()
    }
}

/// A handler, of the one type that the server has.
pub(super) fn handler_of<R: CallbackResult>(
    handler: impl Fn(&mut Request<Body>, &mut ResponseWriter) -> R + 'static,
) -> Rc<Handler> {
    Rc::new(move |request, response| handler(request, response).into_result())
}

/// The address of a client over the network.
pub(super) fn inet(address: &impl ServerAddress) -> Option<SocketAddr> {
    Some(SocketAddr::new(address.host()?, address.port()?))
}

/// The methods that all servers have.
impl<L: WebListener> Deref for WSGIServer<L> {
    type Target = BaseServer<L>;

    fn deref(&self) -> &BaseServer<L> {
        &self.base
    }
}

impl<L: WebListener> Clone for WSGIServer<L> {
    fn clone(&self) -> Self {
        WSGIServer {
            base: self.base.clone(),
            shared: self.shared.clone(),
        }
    }
}

/// Two are equal if they are handles of the same server.
impl<L: WebListener> PartialEq for WSGIServer<L> {
    fn eq(&self, other: &Self) -> bool {
        self.base == other.base
    }
}

impl<L: WebListener> Eq for WSGIServer<L> {}

impl<L: WebListener> Hash for WSGIServer<L> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.base.hash(state);
    }
}

impl<L: WebListener> fmt::Debug for WSGIServer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.base.fmt_as("WSGIServer", f)
    }
}
