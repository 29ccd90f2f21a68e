//! [`Connections`]: the connections of a server, with the deadlines of their clients.
//!
//! A deadline is a number that a connection sets, and one timer for all connections looks at these numbers, at most ten
//! times a second. So a deadline costs no timer of its own. A connection whose deadline is over is shut down for
//! reading: whatever reads from it, also a TLS session, gets the end of the data, and can still send.
//!
//! The same timer gives back the unused memory of the stacks of connections that wait for a request for long.

use std::cell::{Cell, RefCell};
use std::net::Shutdown;
use std::rc::{Rc, Weak};
use std::time::Instant;

use greenlet_core::{Exception, WeakGreenlet, getcurrent};
use hub::Hub;
use hub::core::Timer;

use crate::socket::Socket;

/// How many seconds are between two looks at the deadlines.
const PAUSE: f64 = 0.1;

/// After how many seconds without a request a connection's stack gives memory back. To get it again takes longer than
/// many a request, so a busy connection keeps it.
const QUIET: f64 = 1.0;

/// The connections of a server.
pub(super) struct Connections {
    hub: Hub,
    /// The beginning of the time in which deadlines are.
    began: Instant,
    /// The places of connections that have ended are used again.
    all: RefCell<Places>,
    timer: RefCell<Option<Timer>>,
    /// When the timer fires.
    armed: Cell<f64>,
    /// Whether the server is closed, so that no connection waits for a next request.
    closed: Cell<bool>,
}

#[derive(Default)]
struct Places {
    connections: Vec<Option<Rc<Watched>>>,
    free: Vec<usize>,
}

/// What is known of one connection.
struct Watched {
    socket: Socket,
    /// When the client has to be done.
    deadline: Cell<f64>,
    /// Whether the deadline is over.
    late: Cell<bool>,
    /// Whether no request is under way.
    idle: Cell<bool>,
    /// When the connection will have been quiet for long.
    quiet: Cell<f64>,
    greenlet: WeakGreenlet,
}

/// A connection among the others, until it is dropped.
pub(super) struct Connection {
    connections: Rc<Connections>,
    place: usize,
    watched: Rc<Watched>,
}

impl Connections {
    pub(super) fn new(hub: Hub) -> Connections {
        Connections {
            hub,
            began: Instant::now(),
            all: RefCell::default(),
            timer: RefCell::default(),
            armed: Cell::new(f64::INFINITY),
            closed: Cell::default(),
        }
    }

    /// Adds a connection that the current greenlet serves.
    pub(super) fn add(self: &Rc<Self>, socket: Socket) -> Connection {
        let watched = Rc::new(Watched {
            socket,
            deadline: Cell::new(f64::INFINITY),
            late: Cell::default(),
            idle: Cell::new(true),
            quiet: Cell::new(f64::INFINITY),
            greenlet: getcurrent().downgrade(),
        });
        let mut all = self.all.borrow_mut();
        let place = all.free.pop().unwrap_or(all.connections.len());
        match place == all.connections.len() {
            true => all.connections.push(Some(watched.clone())),
            false => all.connections[place] = Some(watched.clone()),
        }
        Connection {
            connections: self.clone(),
            place,
            watched,
        }
    }

    /// To be called when the server begins to accept, and when it is closed: connections that wait for a request end
    /// then.
    pub(super) fn set_open(&self, open: bool) {
        self.closed.set(!open);
        if !open {
            for connection in self.those(|watched| watched.idle.get()) {
                connection.end_reading();
            }
        }
    }

    /// Whether the server is closed.
    pub(super) fn are_ending(&self) -> bool {
        self.closed.get()
    }

    fn now(&self) -> f64 {
        self.time_of(Instant::now())
    }

    fn time_of(&self, moment: Instant) -> f64 {
        moment.saturating_duration_since(self.began).as_secs_f64()
    }

    /// The seconds since 1970, by the clock of the loop.
    pub(super) fn date(&self) -> u64 {
        // This fails only if the loop is destroyed, and then nothing waits any more.
        self.hub.loop_().now().map_or(0, |now| now as u64)
    }

    fn those(&self, which: impl Fn(&Watched) -> bool) -> Vec<Rc<Watched>> {
        let all = self.all.borrow();
        let those = all.connections.iter().flatten().filter(|watched| which(watched));
        those.cloned().collect()
    }

    /// Ends the reading of clients that are late, has greenlets give back memory, and looks again when that may be
    /// next.
    fn look(self: &Rc<Self>) {
        self.armed.set(f64::INFINITY);
        let now = self.now();
        for watched in self.those(|watched| watched.deadline.get() <= now) {
            watched.deadline.set(f64::INFINITY);
            watched.late.set(true);
            watched.end_reading();
        }
        for watched in self.those(|watched| watched.quiet.get() <= now) {
            watched.quiet.set(f64::INFINITY);
            if let Some(greenlet) = watched.greenlet.upgrade() {
                greenlet.trim_stack();
            }
        }
        let all = self.all.borrow();
        let times = all.connections.iter().flatten();
        let times = times.map(|watched| watched.deadline.get().min(watched.quiet.get()));
        let next = times.fold(f64::INFINITY, f64::min);
        drop(all);
        if next < f64::INFINITY {
            self.look_at(next);
        }
    }

    #[cold]
    fn look_at(self: &Rc<Self>, time: f64) {
        let after = (time - self.now()).max(PAUSE);
        let connections = Rc::downgrade(self);
        // This fails only if the loop is destroyed, and then nothing waits any more.
        if self.start_timer(after, connections).is_ok() {
            self.armed.set(self.now() + after);
        }
    }

    fn start_timer(&self, after: f64, connections: Weak<Connections>) -> Result<(), Exception> {
        let mut timer = self.timer.borrow_mut();
        let timer = match &*timer {
            Some(timer) => timer,
            None => {
                let new = self.hub.loop_().timer(after)?;
                // The connections themselves keep the loop running while they wait.
                new.set_ref(false)?;
                timer.insert(new)
            }
        };
        timer.stop()?;
        timer.set(after, 0.0)?;
        timer.start(move || {
            if let Some(connections) = connections.upgrade() {
                connections.look();
            }
        })?;
        Ok(())
    }
}

impl Watched {
    fn end_reading(&self) {
        // An error says that the connection is gone already.
        let _ = self.socket.shutdown(Shutdown::Read);
    }
}

impl Connection {
    /// Sets when the client has to be done: so many seconds from now, or never.
    #[inline]
    pub(super) fn set_deadline(&self, seconds: Option<f64>) {
        self.watched.quiet.set(f64::INFINITY);
        let Some(seconds) = seconds else {
            return self.watched.deadline.set(f64::INFINITY);
        };
        let deadline = self.connections.now() + seconds;
        self.watched.deadline.set(deadline);
        self.look_before(deadline);
    }

    /// As [`set_deadline`](Connection::set_deadline), for a connection that waits for its next request since a moment.
    #[inline]
    pub(super) fn set_quiet(&self, seconds: Option<f64>, since: Instant) {
        let now = self.connections.time_of(since);
        let (deadline, quiet) = (seconds.map_or(f64::INFINITY, |seconds| now + seconds), now + QUIET);
        self.watched.deadline.set(deadline);
        self.watched.quiet.set(quiet);
        self.look_before(deadline.min(quiet));
    }

    #[inline]
    fn look_before(&self, time: f64) {
        if time < self.connections.armed.get() {
            self.connections.look_at(time);
        }
    }

    /// Whether a deadline is over.
    pub(super) fn is_late(&self) -> bool {
        self.watched.late.get()
    }

    /// Tells whether no request is under way, so that the connection may end when the server is closed. Returns whether
    /// it is closed.
    pub(super) fn set_idle(&self, idle: bool) -> bool {
        self.watched.idle.set(idle);
        self.connections.are_ending()
    }

    /// Ends the reading: what has come is still read, and then the end of the data.
    pub(super) fn end_reading(&self) {
        self.watched.end_reading();
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.watched.socket
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut all = self.connections.all.borrow_mut();
        let ended = all.connections[self.place].take();
        all.free.push(self.place);
        drop(all);
        drop(ended);
    }
}
