//! [`BaseServer`]: the loop of every server that accepts connections. Source: gevent's `baseserver.py`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, Label, RawGreenlet, StackError};
use hub::core::{Events, Io};
use hub::{Context, Hub, HubTimer, Seconds, get_hub, spawn_raw_with};
use waiter::{Park, Resume};

use crate::greenlet::{Greenlet, Kill};
use crate::pool::Pool;
use crate::resolver::Endpoint;
use crate::server::{Accepted, StreamServer};
use crate::socket::{TcpListener, TcpStream, is_of_listener};

/// Where a server runs the handler of each connection: the `spawn` argument of gevent's servers.
///
/// A number converts into [`Spawn::Pool`], and a [`Pool`](crate::pool::Pool) into [`Spawn::In`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spawn {
    /// A new greenlet for each connection, without a limit.
    #[default]
    Default,
    /// A new [raw](crate::spawn_raw) greenlet for each connection, which costs a little less.
    Raw,
    /// At most so many greenlets at a time. While all of them are busy, no connection is accepted.
    Pool(usize),
    /// A greenlet of this pool, which may be used for other work as well. While the pool is full, no connection is
    /// accepted.
    In(Pool),
    /// The hub itself, at once. The handler must not block.
    InHub,
}

impl From<usize> for Spawn {
    fn from(size: usize) -> Self {
        Spawn::Pool(size)
    }
}

impl From<Pool> for Spawn {
    fn from(pool: Pool) -> Self {
        Spawn::In(pool)
    }
}

impl From<&Pool> for Spawn {
    fn from(pool: &Pool) -> Self {
        Spawn::In(pool.clone())
    }
}

/// The settings of a server, with gevent's names and defaults.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) spawn: Spawn,
    pub(crate) backlog: i32,
    /// How many connections are accepted in a row before other greenlets run.
    pub(crate) max_accept: usize,
    /// How many seconds the server waits after an error of `accept` (no descriptors left, say). Each further error in a
    /// row doubles the delay.
    pub(crate) min_delay: f64,
    /// The longest delay after an error of `accept`, in seconds.
    pub(crate) max_delay: f64,
    /// How many seconds `stop` waits for the handlers of a pool if it is given `None`.
    pub(crate) stop_timeout: Option<f64>,
}

/// How many connections may wait to be accepted, by default.
const BACKLOG: i32 = 1024;

impl Default for Settings {
    fn default() -> Self {
        Settings {
            spawn: Spawn::Default,
            backlog: BACKLOG,
            max_accept: 100,
            min_delay: 0.01,
            max_delay: 1.0,
            stop_timeout: Some(1.0),
        }
    }
}

/// The user's function that handles one connection.
pub(crate) type ConnectionHandler = Rc<dyn Fn(TcpStream, SocketAddr) -> Result<(), Exception>>;

/// The place where a server listens: an address, or a listener that the user has made.
pub(crate) enum Listen {
    At(Endpoint),
    On(TcpListener),
}

/// A server that accepts connections and hands each to its handler, in a greenlet of its own.
/// The connection is closed when the handler is done with it.
pub(crate) struct BaseServer {
    hub: Hub,
    listen: RefCell<Listen>,
    settings: Settings,
    handle: ConnectionHandler,
    /// The address at which the server listens, or has listened before it was stopped, or is to listen.
    address: Cell<Option<SocketAddr>>,
    listener: RefCell<Option<TcpListener>>,
    watcher: RefCell<Option<Io>>,
    delay: Cell<f64>,
    delay_timer: RefCell<Option<Rc<HubTimer>>>,
    started: Cell<bool>,
    /// The pool of the handlers' greenlets, if their number is limited.
    pool: Option<Pool>,
    /// The greenlets that wait in `serve_forever`.
    waiting: RefCell<Vec<Resume>>,
}

impl BaseServer {
    pub(crate) fn new(listen: Listen, settings: Settings, handle: ConnectionHandler) -> Rc<Self> {
        Rc::new(BaseServer {
            hub: get_hub(),
            address: Cell::new(match &listen {
                Listen::On(listener) => listener.local_addr().ok(),
                Listen::At(Endpoint::One(address)) => Some(*address),
                Listen::At(Endpoint::Known(addresses)) => addresses.first().copied(),
                Listen::At(Endpoint::Name(_)) => None,
            }),
            listen: RefCell::new(listen),
            handle,
            listener: RefCell::new(None),
            watcher: RefCell::new(None),
            delay: Cell::new(settings.min_delay),
            delay_timer: RefCell::new(None),
            started: Cell::new(false),
            pool: match &settings.spawn {
                Spawn::Pool(size) => Some(Pool::new(*size)),
                Spawn::In(pool) => Some(pool.clone()),
                Spawn::Default | Spawn::Raw | Spawn::InHub => None,
            },
            settings,
            waiting: RefCell::default(),
        })
    }

    pub(crate) fn started(&self) -> bool {
        self.started.get()
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address.get()
    }

    /// The port of the address, which may be known although the host is not.
    pub(crate) fn port(&self) -> Option<u16> {
        match (self.address(), &*self.listen.borrow()) {
            (Some(address), _) => Some(address.port()),
            (None, Listen::At(Endpoint::Name(name))) => name.rsplit_once(':')?.1.parse().ok(),
            (None, _) => None,
        }
    }

    /// Whether the server has no listener.
    pub(crate) fn closed(&self) -> bool {
        self.listener.borrow().is_none() && matches!(*self.listen.borrow(), Listen::At(_))
    }

    pub(crate) fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }

    pub(crate) fn start(self: &Rc<Self>) -> io::Result<()> {
        if self.started.get() {
            return Ok(());
        }
        let on = match &*self.listen.borrow() {
            Listen::On(listener) => Ok(listener.clone()),
            Listen::At(endpoint) => Err(endpoint.clone()),
        };
        let listener = match on {
            Ok(listener) => listener,
            Err(endpoint) => TcpListener::bind_with_backlog(endpoint, self.settings.backlog)?,
        };
        // Another greenlet may have started the server while this one waited for the look-up of a name.
        if self.started.get() {
            return Ok(());
        }
        let address = listener.local_addr()?;
        self.address.set(Some(address));
        // A server that is stopped and started again listens at the same address.
        self.listen.replace(Listen::At(Endpoint::One(address)));
        self.listener.replace(Some(listener));
        self.started.set(true);
        self.start_accepting().inspect_err(|_| self.close())
    }

    fn start_accepting(self: &Rc<Self>) -> io::Result<()> {
        if !self.started.get() || self.watcher.borrow().is_some() {
            return Ok(());
        }
        let Some(fd) = self.listener.borrow().as_ref().map(|l| l.as_raw_fd()) else {
            return Ok(());
        };
        let watcher = self.hub.loop_().io(fd, Events::READ).map_err(Exception::from)?;
        let server = self.clone();
        watcher
            .start_pass_events(move |events| server.ready(events))
            .map_err(Exception::from)?;
        self.watcher.replace(Some(watcher));
        Ok(())
    }

    fn stop_accepting(&self) {
        if let Some(watcher) = self.watcher.take() {
            // `stop` fails only if the loop is destroyed, which has stopped the watcher.
            let _ = watcher.stop();
        }
        drop(self.delay_timer.take());
    }

    /// Called in the hub when connections wait to be accepted, or when the listener cannot be watched any more.
    fn ready(self: &Rc<Self>, events: Events) {
        match Io::refused(events) {
            Some(error) => self.report(error.into()),
            None => self.accept_some(),
        }
        // libev stops a watcher whose descriptor it cannot watch.
        let stopped = |watcher: &Io| events.contains(Events::ERROR) && !watcher.active();
        if self.watcher.borrow().as_ref().is_some_and(stopped) {
            self.back_off();
        }
    }

    fn accept_some(self: &Rc<Self>) {
        for _ in 0..self.settings.max_accept {
            if let Some(pool) = self.pool.as_ref().filter(|pool| pool.full()) {
                self.stop_accepting();
                let server = Rc::downgrade(self);
                pool.when_available(move || {
                    if let Some(server) = server.upgrade() {
                        server.accept_again();
                    }
                    Ok(())
                });
                return;
            }
            let Some(listener) = self.listener.borrow().clone() else {
                return;
            };
            match listener.try_accept() {
                Ok(Some((stream, address))) => {
                    self.delay.set(self.settings.min_delay);
                    let handled = match catch(|| self.do_handle(stream, address)) {
                        Err(Caught::Panic(exception)) => Err(exception),
                        Err(Caught::Forced(unwind)) => unwind.resume(),
                        Ok(handled) => handled,
                    };
                    if let Err(exception) = handled {
                        let server = StreamServer::of(self);
                        let accepted = Accepted { server, address };
                        let context = Context::Object(&accepted);
                        self.hub.report_error(context, exception);
                        return self.back_off();
                    }
                }
                Ok(None) => return,
                // The client has closed the connection before it was accepted.
                Err(error) if error.raw_os_error() == Some(libc::ECONNABORTED) => {}
                Err(error) => {
                    let fatal = is_of_listener(&error);
                    self.report(error.into());
                    return match fatal {
                        true => self.close(),
                        false => self.back_off(),
                    };
                }
            }
        }
    }

    /// Gives an error to the hub's error handler, with the server as its context. Does not panic, even if the handler
    /// does.
    fn report(self: &Rc<Self>, exception: Exception) {
        let server = StreamServer::of(self);
        self.hub.report_error(Context::Object(&server), exception);
    }

    /// Stops accepting for the delay, so that an error which lasts does not recur in every iteration of the loop.
    fn back_off(self: &Rc<Self>) {
        self.stop_accepting();
        let delay = self.delay.get();
        self.delay.set((delay * 2.0).min(self.settings.max_delay));
        let server = self.clone();
        let start = || -> Result<(), Exception> {
            let timer = Rc::new(self.hub.timer(delay)?);
            self.hub.loop_().update_now()?;
            timer.start(move || {
                drop(server.delay_timer.take());
                server.accept_again();
            })?;
            self.delay_timer.replace(Some(timer));
            Ok(())
        };
        if let Err(exception) = start() {
            self.report(exception);
        }
    }

    /// Accepts connections again, when the pool has a free place or the delay is over. If that fails, the error is
    /// reported, and it is tried again after the next delay.
    fn accept_again(self: &Rc<Self>) {
        if self.delay_timer.borrow().is_some() {
            return;
        }
        if let Err(error) = self.start_accepting() {
            self.report(error.into());
            self.back_off();
        }
    }

    fn do_handle(self: &Rc<Self>, stream: TcpStream, address: SocketAddr) -> Result<(), Exception> {
        let handle = self.handle.clone();
        match (&self.pool, &self.settings.spawn) {
            (_, Spawn::InHub) => handle_and_close(&handle, stream, address),
            (_, Spawn::Raw) => {
                let named = RawGreenlet::builder().label(self.name_of(address));
                spawn_raw_with(named, move || handle_and_close(&handle, stream, address)).map(drop)
            }
            (None, _) => {
                let named = RawGreenlet::builder().label(self.name_of(address));
                let serve = move || handle_and_close(&handle, stream, address);
                Greenlet::build(named, serve).start_or_end();
                Ok(())
            }
            (Some(pool), _) => {
                let named = RawGreenlet::builder().label(self.name_of(address));
                let serve = move || handle_and_close(&handle, stream, address);
                let greenlet = Greenlet::build(named, serve);
                // The hub cannot wait for a place, and need not, as `accept_some` has seen that the pool is not full.
                pool.try_add(&greenlet)?;
                // The place is given back if the greenlet cannot be started.
                greenlet.start_or_fail()
            }
        }
    }

    fn name_of(&self, peer: SocketAddr) -> HandlerName {
        let server = self.address();
        HandlerName { server, peer }
    }

    /// Closes the listener and wakes the greenlets in `serve_forever`. Handlers go on.
    pub(crate) fn close(&self) {
        self.started.set(false);
        self.stop_accepting();
        if let Some(listener) = self.listener.take().or_else(|| self.take_given_listener()) {
            listener.close();
        }
        for waiting in self.waiting.take() {
            // This fails only if the loop is destroyed, and then no greenlet waits any more.
            let _ = self.hub.loop_().run_callback_resume(waiting);
        }
    }

    /// The user's listener, if the server was not started. From then on it is a server for that listener's address.
    fn take_given_listener(&self) -> Option<TcpListener> {
        let address = self.address()?;
        let mut listen = self.listen.borrow_mut();
        let Listen::On(listener) = &*listen else {
            return None;
        };
        let listener = listener.clone();
        *listen = Listen::At(Endpoint::Known(vec![address]));
        Some(listener)
    }

    pub(crate) fn stop(&self, timeout: impl Seconds) -> Result<(), Exception> {
        let timeout = timeout.checked()?;
        self.close();
        if let Some(pool) = &self.pool {
            pool.join_timeout(timeout.or(self.settings.stop_timeout))?;
            pool.kill_with(Kill::default().timeout(1.0))?;
        }
        Ok(())
    }

    #[track_caller]
    pub(crate) fn serve_forever(self: &Rc<Self>) -> Result<(), Exception> {
        self.start()?;
        while self.started.get() {
            let park = Park::new(&self.hub)?;
            if !self.started.get() {
                // `Park::new` has called a hook of the user's, which may have waited while the server was stopped.
                break;
            }
            self.waiting.borrow_mut().push(park.resume());
            let woken = park.wait_for_any(&self.hub);
            let waiting = self.waiting.take().into_iter();
            let (parked, gone): (Vec<_>, Vec<_>) = waiting.partition(Resume::is_parked);
            self.waiting.replace(parked);
            // Dropping the last handle of a greenlet runs user code, so it comes after the list is put back.
            drop(gone);
            if let Err(exception) = woken {
                self.stop(None)?;
                return Err(exception);
            }
        }
        // The server is stopped in a greenlet of its own, so that a kill of this one does not cut short the time that
        // the handlers have to end.
        let server = self.clone();
        let stopping = crate::spawn(move || server.stop(None));
        stopping.join()?;
        match stopping.exception() {
            // There was no stack for that greenlet.
            Some(exception) if exception.error().is::<StackError>() => self.stop(None),
            _ => Ok(()),
        }
    }
}

/// The name of a connection's greenlet, for reports and lists: the server and the peer. Writing an address takes time,
/// so the name is written only when it is asked for.
struct HandlerName {
    server: Option<SocketAddr>,
    peer: SocketAddr,
}

impl Label for HandlerName {
    fn label(&self) -> Option<String> {
        let (server, peer) = (self.server?, self.peer);
        Some(format!("StreamServer {server}, peer {peer}"))
    }
}

fn handle_and_close(handle: &ConnectionHandler, stream: TcpStream, address: SocketAddr) -> Result<(), Exception> {
    let _close = CloseOnDrop(stream.clone());
    handle(stream, address)
}

/// Closes the connection when its handler ends, also by a panic or a kill.
struct CloseOnDrop(TcpStream);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for BaseServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<StreamServer")?;
        let listener = self.listener.borrow().clone();
        if let Some(listener) = listener {
            write!(f, " fileno={}", listener.as_raw_fd())?;
        }
        match self.address() {
            Some(address) => write!(f, " address={address}>"),
            None => f.write_str(">"),
        }
    }
}
