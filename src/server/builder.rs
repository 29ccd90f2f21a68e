//! [`Builder`]: servers with settings other than the defaults.

use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::Path;

use hub::Seconds;
use hub::core::CallbackResult;

use super::{DatagramServer, DatagramSocket, StreamServer};
use crate::baseserver::{BaseServer, Handle, Place, ServerSocket, Settings, Spawn};
use crate::socket::{Address, Listener, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};

/// Makes a server with settings other than the defaults: the keyword arguments and attributes of gevent's servers.
///
/// ```
/// use gevent::pool::Pool;
/// use gevent::server::StreamServer;
///
/// let pool = Pool::new(10_000);
/// let server = StreamServer::builder()
///     .spawn(&pool)
///     .max_accept(1)
///     .build("127.0.0.1:0", |_stream, _address| ());
/// server.start()?;
/// # server.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// The parameter is the type of the servers: the builder of [`StreamServer::builder`] or of
/// [`DatagramServer::builder`].
#[must_use]
#[derive(Debug)]
pub struct Builder<S = StreamServer> {
    settings: Settings,
    spawn: Spawn,
    server: PhantomData<fn() -> S>,
}

impl<S> Default for Builder<S> {
    fn default() -> Self {
        Builder {
            settings: Settings::default(),
            spawn: Spawn::default(),
            server: PhantomData,
        }
    }
}

impl<S> Builder<S> {
    /// Sets where the handlers run: a [`Spawn`], a number of greenlets, or a [`Pool`](crate::pool::Pool).
    pub fn spawn(mut self, spawn: impl Into<Spawn>) -> Self {
        self.spawn = spawn.into();
        self
    }

    /// Sets how many clients are accepted in a row before other greenlets run; 100 by default, at least 1. Fewer are
    /// better where several processes accept at one listener.
    pub fn max_accept(mut self, max_accept: usize) -> Self {
        self.settings.set_max_accept(max_accept);
        self
    }

    /// Sets how many seconds the server does not accept after accepting has failed, as it does when no descriptors are
    /// left: 0.01 by default. The delay doubles with each further failure in a row.
    pub fn min_delay(mut self, seconds: impl Seconds) -> Self {
        self.settings.set_min_delay(seconds);
        self
    }

    /// Sets how many seconds the [delay](Builder::min_delay) becomes at most; 1 by default.
    pub fn max_delay(mut self, seconds: impl Seconds) -> Self {
        self.settings.set_max_delay(seconds);
        self
    }

    /// Sets how many seconds [`stop`](BaseServer::stop) waits for the handlers of a pool if it is given `None`; 1 by
    /// default.
    pub fn stop_timeout(mut self, timeout: impl Seconds) -> Self {
        self.settings.stop_timeout = timeout.seconds();
        self
    }

    /// Sets whether the server may listen at a port that old connections still use: `SO_REUSEADDR`. As in gevent true
    /// by default.
    pub fn reuse_addr(mut self, reuse_addr: bool) -> Self {
        self.settings.bind.reuse_addr = reuse_addr;
        self
    }

    /// Sets whether other sockets, whose servers say so, too, may be bound to the same port: `SO_REUSEPORT`. The system
    /// spreads the clients over them. False by default.
    ///
    /// ```
    /// use gevent::server::StreamServer;
    ///
    /// let shared = || StreamServer::builder().reuse_port(true);
    /// let one = shared().build("127.0.0.1:0", |_stream, _address| ());
    /// one.start()?;
    /// let two = shared().build(one.address().unwrap(), |_stream, _address| ());
    /// two.start()?;
    /// # one.stop()?;
    /// # two.stop()?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn reuse_port(mut self, reuse_port: bool) -> Self {
        self.settings.bind.reuse_port = reuse_port;
        self
    }

    /// Sets whether a server at an address of IPv6, for example a port alone, serves clients of IPv4, too. Without this
    /// the system decides; most say yes.
    pub fn dualstack_ipv6(mut self, dualstack_ipv6: bool) -> Self {
        self.settings.bind.dualstack_ipv6 = Some(dualstack_ipv6);
        self
    }

    /// As `base`, in a pool without a limit if it was not said where the handlers run.
    #[cfg(feature = "pywsgi")]
    pub(crate) fn base_in_pool<L: ServerSocket, R: CallbackResult>(
        mut self,
        place: Place<L>,
        handle: impl Fn(L::Client, L::Address) -> R + 'static,
    ) -> BaseServer<L> {
        if self.spawn == Spawn::Default {
            self.spawn = Spawn::In(crate::pool::Pool::new(None));
        }
        self.base(place, handle)
    }

    /// Sets who may use the file of a Unix socket: the bits of its mode, of which the process's umask takes some away.
    /// `0o600` is for processes of the same user only. By default all bits are set that the umask leaves.
    pub fn mode(mut self, mode: u32) -> Self {
        self.settings.bind.mode = Some(mode);
        self
    }

    /// Refuses addresses that other machines can reach.
    pub(crate) fn loopback_only(mut self, loopback_only: bool) -> Self {
        self.settings.bind.loopback_only = loopback_only;
        self
    }

    fn base<L: ServerSocket, R: CallbackResult>(
        self,
        place: Place<L>,
        handle: impl Fn(L::Client, L::Address) -> R + 'static,
    ) -> BaseServer<L> {
        BaseServer::new(place, self.settings, self.spawn, Handle::new(handle))
    }
}

impl Builder<StreamServer> {
    /// Sets how many connections may wait to be accepted; 1024 by default. Of no use for a given listener.
    pub fn backlog(mut self, backlog: i32) -> Self {
        self.settings.bind.backlog = backlog;
        self
    }

    /// Makes a server that will listen at `address` once it is started.
    pub fn build<R: CallbackResult>(
        self,
        address: impl Address,
        handle: impl Fn(TcpStream, SocketAddr) -> R + 'static,
    ) -> StreamServer {
        let place = Place::<TcpListener>::At(address.into_endpoint());
        StreamServer::of(self.base(place, handle))
    }

    /// Makes a server that will accept from `listener` once it is started.
    ///
    /// ```
    /// use gevent::server::StreamServer;
    /// use gevent::socket::{TcpListener, create_server};
    ///
    /// let listener = TcpListener::try_from(create_server(("127.0.0.1", 0))?)?;
    /// let server = StreamServer::builder().build_on(listener, |_stream, _address| ());
    /// assert!(!server.closed());
    /// server.start()?;
    /// # server.stop()?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn build_on<L: Listener, R: CallbackResult>(
        self,
        listener: L,
        handle: impl Fn(L::Client, L::Address) -> R + 'static,
    ) -> StreamServer<L> {
        StreamServer::of(self.base(Place::On(listener), handle))
    }

    /// Makes a server that will listen at a Unix socket once it is started. The file at the path is made then, and
    /// removed when the server is closed; a start fails if there is a file already.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use gevent::server::StreamServer;
    /// use gevent::socket::UnixStream;
    ///
    /// let path = std::env::temp_dir().join(format!("gevent-server-{}", std::process::id()));
    /// let server = StreamServer::builder().build_at_path(&path, |mut stream: UnixStream, _address| {
    ///     Ok(stream.write_all(b"welcome")?)
    /// })?;
    /// server.start()?;
    /// let mut text = String::new();
    /// UnixStream::connect(&path)?.read_to_string(&mut text)?;
    /// assert_eq!(text, "welcome");
    /// server.stop()?;
    /// assert!(!path.exists());
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// # Errors
    /// Fails with [`io::ErrorKind::InvalidInput`] for a path with a NUL byte, or a longer one than the system allows.
    pub fn build_at_path<R: CallbackResult>(
        self,
        path: impl AsRef<Path>,
        handle: impl Fn(UnixStream, UnixAddr) -> R + 'static,
    ) -> io::Result<StreamServer<UnixListener>> {
        let address = UnixAddr::from_pathname(path)?;
        let place = Place::<UnixListener>::At(address);
        Ok(StreamServer::of(self.base(place, handle)))
    }
}

impl Builder<DatagramServer> {
    /// Sets how many bytes of a datagram the handler gets; the rest is lost. 8192 by default, as in gevent.
    pub fn datagram_size(mut self, bytes: usize) -> Self {
        self.settings.datagram_size = bytes;
        self
    }

    /// Makes a server that will receive at `address` once it is started.
    pub fn build<R: CallbackResult>(
        self,
        address: impl Address,
        handle: impl Fn(Vec<u8>, SocketAddr) -> R + 'static,
    ) -> DatagramServer {
        let place = Place::<UdpSocket>::At(address.into_endpoint());
        DatagramServer::of(self.base(place, handle))
    }

    /// Makes a server that will receive from `socket` once it is started.
    pub fn build_on<S: DatagramSocket, R: CallbackResult>(
        self,
        socket: S,
        handle: impl Fn(Vec<u8>, S::Address) -> R + 'static,
    ) -> DatagramServer<S> {
        DatagramServer::of(self.base(Place::On(socket), handle))
    }

    /// Makes a server that will receive at a Unix socket once it is started. The file at the path is made then, and
    /// removed when the server is closed; a start fails if there is a file already.
    ///
    /// # Errors
    /// Fails with [`io::ErrorKind::InvalidInput`] for a path with a NUL byte, or a longer one than the system allows.
    pub fn build_at_path<R: CallbackResult>(
        self,
        path: impl AsRef<Path>,
        handle: impl Fn(Vec<u8>, UnixAddr) -> R + 'static,
    ) -> io::Result<DatagramServer<UnixDatagram>> {
        let address = UnixAddr::from_pathname(path)?;
        let place = Place::<UnixDatagram>::At(address);
        Ok(DatagramServer::of(self.base(place, handle)))
    }
}
