//! [`BaseServer`]: its state, starting and stopping it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::IpAddr;
use std::ptr;
use std::rc::Rc;

use greenlet_core::{Exception, StackError};
use hub::core::Io;
use hub::{Hub, HubTimer, Seconds, get_hub};
use waiter::{Park, Resume};

use super::address::Shown;
use super::handling::Handle;
use super::socket_file::SocketFile;
use super::{ServerAddress, ServerSocket, Settings, Spawn};
use crate::greenlet::Kill;
use crate::living::{Living, Which};
use crate::pool::Pool;
use crate::socket::cancel_wait_ex as closed;

/// What [`StreamServer`](crate::server::StreamServer) and [`DatagramServer`](crate::server::DatagramServer) have in
/// common: a server takes clients from its socket, and calls its handler for each, in a greenlet of its own. Both
/// servers lend themselves as this type ([`Deref`](std::ops::Deref)), so that all its methods are theirs. Clones are
/// handles of the same server, and cheap.
///
/// An error of `accept` or of starting a handler is reported, and the server pauses: the time begins with
/// [`min_delay`](BaseServer::min_delay) and doubles with each further error in a row. An error that says that the
/// socket is gone closes the server. An error or panic of a handler that was started is reported and affects nobody
/// else.
///
/// Source: gevent's `BaseServer`. There a server forgets its handler when it is closed; here it can always be started
/// again.
pub struct BaseServer<L: ServerSocket>(pub(super) Rc<Inner<L>>);

pub(super) struct Inner<L: ServerSocket> {
    pub(super) hub: Hub,
    pub(super) settings: Cell<Settings>,
    pub(super) handle: RefCell<Handle<L>>,
    pub(super) spawn: RefCell<Spawn>,
    pub(super) extra: L::Extra,
    /// Where the socket is bound at the next start; none if it was given, and was closed already.
    at: RefCell<Option<<L::Address as ServerAddress>::At>>,
    /// The address of the socket, or of the last one, or where the server is to listen.
    address: RefCell<Option<L::Address>>,
    pub(super) socket: RefCell<Option<L>>,
    /// The file that the server has made by binding its socket to a path.
    file: RefCell<Option<SocketFile>>,
    /// How often the server was closed.
    closes: Cell<u64>,
    started: Cell<bool>,
    /// Whether the thread's list of servers has it.
    listed: Cell<bool>,
    pub(super) watcher: RefCell<Option<Io>>,
    /// Whether the server has stopped accepting until its pool has a place.
    pub(super) waits_for_place: Cell<bool>,
    pub(super) delay: Cell<f64>,
    pub(super) delay_timer: RefCell<Option<Rc<HubTimer>>>,
    /// Where datagrams are received, of which each is then copied.
    pub(super) buffer: RefCell<Vec<u8>>,
    /// The greenlets that wait in `serve_forever`.
    waiting: RefCell<Vec<Resume>>,
    #[cfg(feature = "pywsgi")]
    on_change: RefCell<Option<OnChange>>,
}

/// What is called when the server begins to accept, with true, and when it is closed, with false. No user code.
#[cfg(feature = "pywsgi")]
type OnChange = Rc<dyn Fn(bool)>;

/// The place where a server listens: an address, or a socket that the user has made.
pub(crate) enum Place<L: ServerSocket> {
    At(<L::Address as ServerAddress>::At),
    On(L),
}

impl<L: ServerSocket> BaseServer<L> {
    pub(crate) fn new(place: Place<L>, settings: Settings, spawn: Spawn, handle: Handle<L>) -> Self {
        let (at, socket) = match place {
            Place::At(at) => (Some(at), None),
            Place::On(socket) => (socket.address().ok().map(L::Address::at), Some(socket)),
        };
        BaseServer(Rc::new(Inner {
            hub: get_hub(),
            handle: RefCell::new(handle),
            spawn: RefCell::new(spawn.with_its_pool()),
            extra: L::extra(),
            address: RefCell::new(at.as_ref().and_then(L::Address::known)),
            at: RefCell::new(at),
            socket: RefCell::new(socket),
            file: RefCell::default(),
            closes: Cell::default(),
            started: Cell::default(),
            listed: Cell::default(),
            watcher: RefCell::default(),
            waits_for_place: Cell::default(),
            delay: Cell::new(settings.min_delay),
            delay_timer: RefCell::default(),
            buffer: RefCell::default(),
            waiting: RefCell::default(),
            #[cfg(feature = "pywsgi")]
            on_change: RefCell::default(),
            settings: Cell::new(settings),
        }))
    }

    /// Has `on_change` called when the server begins to accept, with true, and when it is closed, with false.
    #[cfg(feature = "pywsgi")]
    pub(crate) fn set_on_change(&self, on_change: impl Fn(bool) + 'static) {
        drop(self.0.on_change.replace(Some(Rc::new(on_change))));
    }

    fn has_changed(&self, _is_open: bool) {
        #[cfg(feature = "pywsgi")]
        if let Some(on_change) = &*self.0.on_change.borrow() {
            on_change(_is_open);
        }
    }

    /// Whether the server accepts clients, or does so again after a pause.
    pub fn started(&self) -> bool {
        self.0.started.get()
    }

    /// Whether the server has no socket: before it is started, unless it was given one, and after it is closed.
    pub fn closed(&self) -> bool {
        self.0.socket.borrow().is_none()
    }

    /// The socket, unless the server is [closed](BaseServer::closed): a listener, or the socket of the datagrams.
    pub fn socket(&self) -> Option<L> {
        self.0.socket.borrow().clone()
    }

    pub(crate) fn extra(&self) -> &L::Extra {
        &self.0.extra
    }

    /// Whether the [pool](BaseServer::pool) is full, so that no client is accepted. False without a pool.
    pub fn full(&self) -> bool {
        self.pool().is_some_and(|pool| pool.full())
    }

    /// The pool in which the handlers run, if there is one.
    pub fn pool(&self) -> Option<Pool> {
        self.0.spawn.borrow().pool().cloned()
    }

    /// The address at which the server listens, or has listened before it was stopped. Before the first start the one
    /// at which it is to listen, with port 0 if the system is to choose one; none if that has to be looked up.
    ///
    /// ```
    /// use gevent::server::StreamServer;
    ///
    /// let server = StreamServer::new("127.0.0.1:0", |_stream, _address| ());
    /// assert!(server.closed() && server.server_port() == Some(0));
    /// server.start()?;
    /// assert!(!server.closed() && server.server_port() != Some(0));
    /// # server.stop()?;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn address(&self) -> Option<L::Address> {
        self.0.address.borrow().clone()
    }

    /// The host of the server's [address](BaseServer::address); none for a Unix socket.
    pub fn server_host(&self) -> Option<IpAddr> {
        self.address()?.host()
    }

    /// The port of the server's [address](BaseServer::address), also if only the host has to be looked up; none for a
    /// Unix socket.
    pub fn server_port(&self) -> Option<u16> {
        match self.address() {
            Some(address) => address.port(),
            None => L::Address::port_of(self.0.at.borrow().as_ref()?),
        }
    }

    /// Binds the socket, and lets it listen, unless there is one. This is what [`start`](BaseServer::start) does first,
    /// and of use on its own to know the [address](BaseServer::address) earlier: before a fork, say.
    ///
    /// # Errors
    /// Fails as `start` does.
    pub fn init_socket(&self) -> io::Result<()> {
        match self.make_socket()? {
            true => Ok(()),
            false => Err(closed()),
        }
    }

    /// As [`init_socket`](BaseServer::init_socket), but returns whether there is a socket: false if the server was
    /// closed meanwhile.
    fn make_socket(&self) -> io::Result<bool> {
        if !self.closed() {
            return Ok(true);
        }
        let at = self.0.at.borrow().clone().ok_or_else(closed)?;
        let closes = self.0.closes.get();
        let socket = L::bind(&at, &self.0.settings.get().bind)?;
        // Looking a name up waits. Meanwhile another greenlet may have closed the server, or got it a socket.
        if self.0.closes.get() != closes {
            return Ok(false);
        }
        if !self.closed() {
            return Ok(true);
        }
        let address = socket.address()?;
        let file = address.path().map(SocketFile::at).transpose()?;
        // A server that is stopped and started again listens at the same address.
        self.0.at.replace(Some(address.clone().at()));
        self.0.address.replace(Some(address));
        self.0.socket.replace(Some(socket));
        self.0.file.replace(file);
        Ok(true)
    }

    /// Starts to listen and to accept, and returns at once. A server that was stopped listens again at the same
    /// address, also if the system has chosen it (port 0) or if it was that of a given socket. (At
    /// the path of a given Unix socket only if its file was removed: it is its maker's.)
    ///
    /// # Errors
    /// Fails if the server cannot listen at the address, with an [`AddressError`](crate::socket::AddressError) inside;
    /// with an exception that is thrown into the current greenlet while it looks a name up; and with `EBADF` if the
    /// server is closed meanwhile.
    pub fn start(&self) -> io::Result<()> {
        match self.begin()? {
            true => Ok(()),
            false => Err(closed()),
        }
    }

    /// As [`start`](BaseServer::start), but returns whether it has started: false if the server was closed meanwhile.
    fn begin(&self) -> io::Result<bool> {
        let has_socket = self.make_socket()?;
        if has_socket {
            self.0.started.set(true);
            if !self.0.listed.replace(true) {
                let inner: Rc<dyn Living> = self.0.clone();
                Which::Servers.add(Rc::downgrade(&inner));
            }
            self.has_changed(true);
            self.start_accepting().inspect_err(|_| self.close())?;
        }
        Ok(has_socket)
    }

    /// Closes the socket. Handlers that run go on, so that they can finish their replies.
    pub fn close(&self) {
        self.0.closes.set(self.0.closes.get() + 1);
        self.0.started.set(false);
        self.stop_accepting();
        if let Some(socket) = self.0.socket.take() {
            socket.shut();
        }
        drop(self.0.file.take());
        self.has_changed(false);
        for waiting in self.0.waiting.take() {
            // This fails only if the loop is destroyed, and then no greenlet waits any more.
            let _ = self.0.hub.loop_().run_callback_resume(waiting);
        }
    }

    /// Closes the socket. With a [pool](Spawn::Pool), also waits for the handlers and kills those that still run after
    /// the [time](BaseServer::default_stop_timeout) that the server was made with, 1 second unless it says otherwise.
    /// Without a pool, handlers go on until they are done.
    ///
    /// # Errors
    /// Fails with an exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn stop(&self) -> Result<(), Exception> {
        self.stop_timeout(None)
    }

    /// [`stop`](BaseServer::stop) with another time for the handlers, in seconds; `None` means the server's.
    ///
    /// # Errors
    /// Fails as `stop` does, and for a time that is not a number.
    #[track_caller]
    pub fn stop_timeout(&self, timeout: impl Seconds) -> Result<(), Exception> {
        let timeout = timeout.checked()?;
        self.close();
        if let Some(pool) = self.pool() {
            pool.join_timeout(timeout.or(self.default_stop_timeout()))?;
            pool.kill_with(Kill::default().timeout(1.0))?;
        }
        Ok(())
    }

    /// Starts the server unless it is started, waits until it is closed, and [stops](BaseServer::stop) it.
    ///
    /// # Errors
    /// Fails as [`start`](BaseServer::start) does, and with an exception that is thrown into the current greenlet
    /// meanwhile. Such an exception also stops the server.
    #[track_caller]
    pub fn serve_forever(&self) -> Result<(), Exception> {
        self.serve_forever_with(None)
    }

    /// [`serve_forever`](BaseServer::serve_forever) with the time that [`stop_timeout`](BaseServer::stop_timeout) gets.
    ///
    /// # Errors
    /// As for `serve_forever`; fails also for a time that is not a number.
    #[track_caller]
    pub fn serve_forever_with(&self, stop_timeout: impl Seconds) -> Result<(), Exception> {
        let stop_timeout = stop_timeout.checked()?;
        // A server that is closed while it starts has served for as long as it was to.
        self.begin()?;
        while self.started() {
            let park = Park::new(&self.0.hub)?;
            if !self.started() {
                // `Park::new` has called a hook of the user's, which may have waited while the server was stopped.
                break;
            }
            self.0.waiting.borrow_mut().push(park.resume());
            let woken = park.wait_for_any(&self.0.hub);
            let waiting = self.0.waiting.take().into_iter();
            let (parked, gone): (Vec<_>, Vec<_>) = waiting.partition(Resume::is_parked);
            self.0.waiting.replace(parked);
            // Dropping the last handle of a greenlet runs user code, so it comes after the list is put back.
            drop(gone);
            if let Err(exception) = woken {
                self.stop_timeout(stop_timeout)?;
                return Err(exception);
            }
        }
        // The server is stopped in a greenlet of its own, so that a kill of this one does not cut short the time that
        // the handlers have to end.
        let server = self.clone();
        let stopping = crate::spawn(move || server.stop_timeout(stop_timeout));
        stopping.join()?;
        match stopping.exception() {
            // There was no stack for that greenlet.
            Some(exception) if exception.error().is::<StackError>() => self.stop_timeout(stop_timeout),
            _ => Ok(()),
        }
    }
}

impl<L: ServerSocket> Living for Inner<L> {
    fn describe(self: Rc<Self>) -> String {
        let server = BaseServer(self);
        let state = if server.started() { "started" } else { "stopped" };
        match server.pool() {
            Some(pool) => format!("{server:?} {state}, {} clients", pool.len()),
            None => format!("{server:?} {state}"),
        }
    }
}

impl<L: ServerSocket> Clone for BaseServer<L> {
    fn clone(&self) -> Self {
        BaseServer(self.0.clone())
    }
}

/// Two are equal if they are handles of the same server.
impl<L: ServerSocket> PartialEq for BaseServer<L> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<L: ServerSocket> Eq for BaseServer<L> {}

impl<L: ServerSocket> Hash for BaseServer<L> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
    }
}

impl<L: ServerSocket> BaseServer<L> {
    /// Shows it as a server of this name.
    pub(crate) fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{name}")?;
        if let Some(socket) = self.socket() {
            write!(f, " fileno={}", socket.as_raw_fd())?;
        }
        if let Some(address) = self.address() {
            write!(f, " address={}", Shown(&address))?;
        }
        let handle = self.0.handle.borrow().name();
        write!(f, " handle=<function {handle}>>")
    }
}

impl<L: ServerSocket> fmt::Debug for BaseServer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as(L::SERVER, f)
    }
}
