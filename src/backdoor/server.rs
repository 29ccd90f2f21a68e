//! [`BackdoorServer`]: the server of a backdoor, and its settings.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use greenlet_core::Exception;
use hub::Seconds;
use hub::core::CallbackResult;

use super::builtin;
use super::serving::{Shared, serve};
use super::{NotLoopbackError, Session};
use crate::baseserver::ServerAddress;
use crate::pool::Pool;
use crate::server::StreamServer;
use crate::socket::{Address, Listener, TcpListener, UnixListener};

/// A server whose clients look into the process; see the [module](super). Clones are handles of the same server.
///
/// It serves the thread in which it was made: this thread's greenlets are listed, and a greenlet that computes for long
/// keeps its clients waiting, too.
///
/// Source: gevent's `BackdoorServer`.
#[derive(Clone)]
pub struct BackdoorServer {
    shared: Rc<Shared>,
    server: Rc<dyn AnyServer>,
}

impl BackdoorServer {
    /// Makes a server with the default settings, which will listen at `address` once it is started.
    pub fn new(address: impl Address) -> BackdoorServer {
        BackdoorServer::builder().build(address)
    }

    /// Makes a server with the default settings, which will listen at a Unix socket once it is started. The file is
    /// made then, for the same user only, and removed when the server is stopped.
    ///
    /// # Errors
    /// Fails with [`io::ErrorKind::InvalidInput`] for a path with a NUL byte, or a longer one than the system allows.
    pub fn at_path(path: impl AsRef<Path>) -> io::Result<BackdoorServer> {
        BackdoorServer::builder().build_at_path(path)
    }

    /// Begins a server with settings of its own.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Adds a command, for the lines that begin with its name: `function` gets the client, to which it
    /// [writes](Session), and the words after the name. It runs in the greenlet of the session, and may wait. Its error
    /// or panic is told to the client. A command of that name which is there already is replaced. `help` says what
    /// follows the name, and what it does.
    ///
    /// Source: the `locals` of gevent's `BackdoorServer`.
    pub fn command<R: CallbackResult>(
        &self,
        name: impl Into<String>,
        help: impl Into<String>,
        function: impl Fn(&mut Session, &[&str]) -> R + 'static,
    ) {
        let function = move |session: &mut Session, words: &[&str]| function(session, words).into_result();
        self.shared.commands.add(name, help, Rc::new(function));
    }

    /// Starts to listen and to accept, and returns at once.
    ///
    /// # Errors
    /// Fails with a [`NotLoopbackError`] inside if other machines could reach the address; otherwise as
    /// [`StreamServer`]'s [`start`](crate::baseserver::BaseServer::start).
    pub fn start(&self) -> io::Result<()> {
        self.server.start()
    }

    /// Closes the socket, and ends all sessions.
    ///
    /// # Errors
    /// Fails with an exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn stop(&self) -> Result<(), Exception> {
        self.stop_timeout(None)
    }

    /// [`stop`](BackdoorServer::stop), but the sessions may go on for some seconds; `None` means 0.
    ///
    /// # Errors
    /// Fails as `stop` does, and for a time that is not a number.
    #[track_caller]
    pub fn stop_timeout(&self, timeout: impl Seconds) -> Result<(), Exception> {
        self.server.stop(timeout.checked()?)
    }

    /// Closes the socket. Sessions go on.
    pub fn close(&self) {
        self.server.close();
    }

    /// Starts the server unless it is started, waits until it is closed, and [stops](BackdoorServer::stop) it.
    ///
    /// # Errors
    /// Fails as [`start`](BackdoorServer::start) does, and with an exception that is thrown into the current greenlet
    /// meanwhile. Such an exception also stops the server.
    #[track_caller]
    pub fn serve_forever(&self) -> Result<(), Exception> {
        self.server.serve_forever()
    }

    /// Whether the server accepts clients.
    pub fn started(&self) -> bool {
        self.server.started()
    }

    /// The address at which the server listens, or is to listen; none for a Unix socket, and for a name that has not
    /// been looked up.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.address()
    }

    /// The file of its Unix socket.
    pub fn path(&self) -> Option<PathBuf> {
        self.server.path()
    }

    /// How many clients are served now.
    pub fn sessions(&self) -> usize {
        self.shared.sessions.get()
    }
}

impl fmt::Debug for BackdoorServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<BackdoorServer on {:?}>", self.server)
    }
}

/// Makes a [`BackdoorServer`] with settings other than the defaults.
///
/// ```
/// use gevent::backdoor::BackdoorServer;
///
/// let backdoor = BackdoorServer::builder()
///     .banner("This is the mail server.")
///     .max_sessions(2)
///     .idle_timeout(60)
///     .build("127.0.0.1:0");
/// backdoor.start()?;
/// # backdoor.stop()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
#[must_use]
#[derive(Debug, Clone)]
pub struct Builder {
    banner: String,
    max_sessions: usize,
    idle_timeout: Option<f64>,
    open_to_others: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            banner: "`help` lists the commands.\n".to_owned(),
            max_sessions: 8,
            idle_timeout: Some(600.0),
            open_to_others: false,
        }
    }
}

impl Builder {
    /// Sets what each client is told first.
    pub fn banner(mut self, banner: impl Into<String>) -> Self {
        self.banner = banner.into();
        if !self.banner.is_empty() && !self.banner.ends_with('\n') {
            self.banner.push('\n');
        }
        self
    }

    /// Sets how many clients are served at a time; 8 by default. Others are told that they are too many.
    pub fn max_sessions(mut self, max_sessions: usize) -> Self {
        self.max_sessions = max_sessions;
        self
    }

    /// Sets after how many seconds without a line a client is left; 600 by default. `None` means never, and so does a
    /// time that is not a positive number.
    pub fn idle_timeout(mut self, seconds: impl Seconds) -> Self {
        self.idle_timeout = seconds.seconds().filter(|seconds| *seconds > 0.0);
        self
    }

    /// Has the server listen also at addresses that other machines can reach. Whoever can connect can use it: there
    /// are no passwords. So this is only for a network in which everybody is trusted as the process's own user.
    pub fn open_to_others(mut self) -> Self {
        self.open_to_others = true;
        self
    }

    /// Makes a server that will listen at `address` once it is started.
    pub fn build(self, address: impl Address) -> BackdoorServer {
        let loopback_only = !self.open_to_others;
        self.finish(|shared| {
            let server = servers().loopback_only(loopback_only);
            Rc::new(server.build(address, move |stream, _| serve(&shared, &stream)))
        })
    }

    /// Makes a server that will listen at a Unix socket once it is started; see [`BackdoorServer::at_path`].
    ///
    /// # Errors
    /// Fails as `at_path` does.
    pub fn build_at_path(self, path: impl AsRef<Path>) -> io::Result<BackdoorServer> {
        // A path that is no address is refused before anything is made.
        UnixAddr::from_pathname(&path)?;
        let path = path.as_ref().to_owned();
        Ok(self.finish(|shared| {
            let server = servers().mode(0o600);
            let server = server.build_at_path(path, move |stream, _| serve(&shared, &stream));
            Rc::new(server.expect("it is an address"))
        }))
    }

    /// Makes a server that will accept from `listener` once it is started.
    ///
    /// # Errors
    /// [`NotLoopbackError`] if other machines can reach the listener.
    pub fn build_on(self, listener: TcpListener) -> Result<BackdoorServer, NotLoopbackError> {
        if !self.open_to_others
            && let Ok(address) = listener.local_addr()
        {
            NotLoopbackError::check(address)?;
        }
        Ok(self.finish(|shared| Rc::new(servers().build_on(listener, move |stream, _| serve(&shared, &stream)))))
    }

    /// Makes a server that will accept from a Unix socket once it is started. Who may connect was decided by whoever
    /// has made the socket.
    pub fn build_on_unix(self, listener: UnixListener) -> BackdoorServer {
        self.finish(|shared| Rc::new(servers().build_on(listener, move |stream, _| serve(&shared, &stream))))
    }

    fn finish(self, server: impl FnOnce(Rc<Shared>) -> Rc<dyn AnyServer>) -> BackdoorServer {
        let shared = Rc::new(Shared {
            commands: Rc::default(),
            banner: self.banner,
            max_sessions: self.max_sessions,
            idle_timeout: self.idle_timeout,
            sessions: Cell::new(0),
        });
        builtin::add(&shared.commands);
        BackdoorServer {
            server: server(shared.clone()),
            shared,
        }
    }
}

/// The settings that the servers of all kinds have in common: sessions run in a pool, so that a stop ends them.
fn servers() -> crate::server::Builder {
    StreamServer::builder().spawn(Pool::new(None)).stop_timeout(0)
}

/// A server of any kind.
trait AnyServer: fmt::Debug {
    fn start(&self) -> io::Result<()>;
    fn close(&self);
    fn stop(&self, timeout: Option<f64>) -> Result<(), Exception>;
    fn serve_forever(&self) -> Result<(), Exception>;
    fn started(&self) -> bool;
    fn address(&self) -> Option<SocketAddr>;
    fn path(&self) -> Option<PathBuf>;
}

impl<L: Listener> AnyServer for StreamServer<L> {
    fn start(&self) -> io::Result<()> {
        (**self).start()
    }

    fn close(&self) {
        (**self).close();
    }

    fn stop(&self, timeout: Option<f64>) -> Result<(), Exception> {
        self.stop_timeout(timeout)
    }

    fn serve_forever(&self) -> Result<(), Exception> {
        (**self).serve_forever()
    }

    fn started(&self) -> bool {
        (**self).started()
    }

    fn address(&self) -> Option<SocketAddr> {
        let address = (**self).address()?;
        Some(SocketAddr::new(address.host()?, address.port()?))
    }

    fn path(&self) -> Option<PathBuf> {
        (**self).address()?.path().map(Path::to_owned)
    }
}
