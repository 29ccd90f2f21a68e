//! [`RawSocket`], the base of all sockets: a non-blocking descriptor, its two watchers, and waiting for them. Source:
//! gevent's `_socketcommon.py`.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::rc::{Rc, Weak};

use greenlet_core::{AsError, Exception};
use hub::core::{Events, Io};
use hub::{Hub, Seconds, TimedOut, WeakList, try_get_hub};

use super::waits::cancel_wait_ex as closed;
use crate::exceptions::BlockingSwitchOutError;

/// A non-blocking socket, which belongs to this thread's hub.
pub(super) struct RawSocket {
    // The watchers come before the descriptor, so that they are dropped first.
    read: OnceCell<Io>,
    write: OnceCell<Io>,
    /// None once the socket is closed. Shared with operations that are under way, so that the number of the descriptor
    /// is not reused before they end.
    socket: RefCell<Option<Rc<socket2::Socket>>>,
    hub: Hub,
    /// How many seconds a call may wait, by [`Direction`].
    timeouts: [Cell<Option<f64>>; 2],
    /// Whether the next read is tried before it waits: true if the last read has filled its buffer, and before the
    /// first read.
    more_to_read: Cell<bool>,
    /// Whether [`shutdown`](RawSocket::shutdown) has ended a direction, by [`Direction`].
    shut_down: [Cell<bool>; 2],
    /// The sockets of this connection that were made of one another by [`try_clone`](RawSocket::try_clone).
    copies: OnceCell<Rc<RefCell<WeakList<RawSocket>>>>,
}

/// The two directions of a socket, in which greenlets wait independently.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Read,
    Write,
}

impl RawSocket {
    pub(super) fn new(socket: socket2::Socket) -> io::Result<RawSocket> {
        socket.set_nonblocking(true)?;
        RawSocket::of_nonblocking(socket)
    }

    /// As `new`, for a socket that is non-blocking already.
    pub(super) fn of_nonblocking(socket: socket2::Socket) -> io::Result<RawSocket> {
        let hub = try_get_hub().map_err(Exception::from)?;
        Ok(RawSocket {
            read: OnceCell::new(),
            write: OnceCell::new(),
            socket: RefCell::new(Some(Rc::new(socket))),
            hub,
            timeouts: Default::default(),
            more_to_read: Cell::new(true),
            shut_down: Default::default(),
            copies: OnceCell::new(),
        })
    }

    /// Makes a second descriptor for the same connection, with the same timeouts.
    pub(super) fn try_clone(self: &Rc<Self>) -> io::Result<Rc<RawSocket>> {
        let copies = self.copies.get_or_init(|| {
            let mut all = WeakList::default();
            all.push(Rc::downgrade(self));
            Rc::new(RefCell::new(all))
        });
        let copy = Rc::new(RawSocket {
            timeouts: self.timeouts.clone(),
            shut_down: self.shut_down.clone(),
            copies: OnceCell::from(copies.clone()),
            ..RawSocket::new(self.socket()?.try_clone()?)?
        });
        copies.borrow_mut().push(Rc::downgrade(&copy));
        Ok(copy)
    }

    /// The socket, while it is open.
    pub(super) fn socket(&self) -> io::Result<Rc<socket2::Socket>> {
        match &*self.socket.borrow() {
            Some(socket) => Ok(socket.clone()),
            None => Err(closed()),
        }
    }

    /// Lends the descriptor to `f`. It stays open until `f` has returned, even if the socket is closed meanwhile.
    pub(super) fn with_fd<R>(&self, f: impl FnOnce(BorrowedFd<'_>) -> R) -> io::Result<R> {
        let socket = self.socket()?;
        Ok(f(socket.as_fd()))
    }

    pub(super) fn fd(&self) -> Option<RawFd> {
        self.socket.borrow().as_ref().map(|s| s.as_raw_fd())
    }

    pub(super) fn timeout(&self, direction: Direction) -> Option<f64> {
        self.timeouts[direction as usize].get()
    }

    /// Python's `settimeout`, for these directions.
    pub(super) fn set_timeout(&self, directions: &[Direction], timeout: impl Seconds) -> io::Result<()> {
        let timeout = valid_timeout(timeout)?;
        for direction in directions {
            self.timeouts[*direction as usize].set(timeout);
        }
        Ok(())
    }

    /// Parks the greenlet until the socket is ready, for `timeout` seconds at most.
    #[track_caller]
    pub(super) fn wait(&self, direction: Direction, timeout: Option<f64>) -> io::Result<()> {
        self.park(direction, timeout).map_err(|e| self.io_error(e))
    }

    #[track_caller]
    fn park(&self, direction: Direction, timeout: Option<f64>) -> Result<(), Exception> {
        let (cell, events) = match direction {
            Direction::Read => (&self.read, Events::READ),
            Direction::Write => (&self.write, Events::WRITE),
        };
        let watcher = match cell.get() {
            Some(watcher) => watcher,
            None => {
                let new = self.hub.loop_().io(self.fd().ok_or_else(closed)?, events)?;
                cell.get_or_init(|| new)
            }
        };
        let is_shut_down = || match self.fd() {
            Some(_) => Ok(self.shut_down[direction as usize].get()),
            None => Err(closed().into()),
        };
        self.hub.wait_on_watcher_unless(watcher, timeout, is_shut_down)
    }

    /// Calls `operation` until it does not fail with `WouldBlock`, and waits for the socket before each further call.
    #[track_caller]
    pub(super) fn retry<T>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&socket2::Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        let timeout = self.timeout(direction);
        loop {
            if timeout != Some(0.0) {
                self.hub.give_turn().map_err(|e| self.io_error(e))?;
            }
            let socket = self.socket()?;
            match operation(&socket) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && timeout != Some(0.0) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                result => return result,
            }
            drop(socket);
            self.wait(direction, timeout)?;
        }
    }

    /// Reads into an empty buffer, which never waits. Returns the errors of the connection, but 0 if there is nothing
    /// to read yet.
    #[track_caller]
    pub(super) fn read_nothing(
        &self,
        mut operation: impl FnMut(&socket2::Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.retry(Direction::Read, |socket| match operation(socket) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(0),
            result => result,
        })
    }

    /// Reads into a buffer of `len` bytes, which is not 0. If the last read has not filled its buffer, it waits first:
    /// this saves a call of the system that would most likely fail with `EAGAIN`, and misses nothing, as the loop is
    /// level-triggered.
    #[track_caller]
    pub(super) fn read(
        &self,
        len: usize,
        operation: impl FnMut(&socket2::Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let timeout = self.timeout(Direction::Read);
        if timeout != Some(0.0) && !self.more_to_read.get() {
            match self.park(Direction::Read, timeout) {
                // The hub cannot wait, but it may read the data that are there already.
                Err(e) if hub_cannot_wait(&e) => {}
                waited => waited.map_err(|e| self.io_error(e))?,
            }
        }
        let n = self.retry(Direction::Read, operation)?;
        self.more_to_read.set(n == len);
        Ok(n)
    }

    /// Converts the exception of a wait. One that was thrown into the greenlet keeps its identity, unless this socket
    /// has thrown it.
    #[cold]
    fn io_error(&self, exception: Exception) -> io::Error {
        let error = exception.error();
        if error.is::<Closed>() {
            return closed();
        }
        // A `TimedOut` that user code has thrown is not the end of this wait's own time.
        if let Some(timed_out) = error.downcast_ref::<TimedOut>()
            && exception.thrown_here().is_none()
        {
            return (*timed_out).into();
        }
        exception.into()
    }

    /// Ends one or both directions of the connection. Greenlets that wait for one of them, at this descriptor or a
    /// copy, are woken and try again. They would not be woken by an event: a Unix socket that is shut down for writing
    /// while it is full has none.
    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket()?.shutdown(how)?;
        let directions: &[Direction] = match how {
            Shutdown::Read => &[Direction::Read],
            Shutdown::Write => &[Direction::Write],
            Shutdown::Both => &[Direction::Read, Direction::Write],
        };
        match self.copies.get() {
            None => self.was_shut_down(directions),
            Some(copies) => {
                for raw in copies.borrow().iter().filter_map(Weak::upgrade) {
                    raw.was_shut_down(directions);
                }
            }
        }
        Ok(())
    }

    fn was_shut_down(&self, directions: &[Direction]) {
        for direction in directions {
            self.shut_down[*direction as usize].set(true);
            let watcher = match direction {
                Direction::Read => self.read.get(),
                Direction::Write => self.write.get(),
            };
            if let Some(watcher) = watcher {
                // This fails only if the loop is destroyed, and then no greenlet waits any more.
                let _ = self.hub.end_wait(watcher);
            }
        }
    }

    /// Closes the socket. [`Closed`] is thrown into greenlets that wait for it. The descriptor itself is closed after
    /// that, so that its number cannot be reused while the loop still watches it.
    pub(super) fn close(&self) {
        let Some(socket) = self.socket.take() else {
            return;
        };
        let watchers = [self.read.get(), self.write.get()];
        let watchers = watchers.into_iter().flatten().map(|io| (**io).clone());
        // This fails only if the loop is destroyed, and then no greenlet waits any more.
        let _ = self
            .hub
            .cancel_waits_close_and_then(watchers, Closed, move || drop(socket));
    }
}

/// The exception that is thrown into greenlets which wait for a socket that is closed; their calls fail with
/// [`closed`]. Only this module can throw it, so it cannot be taken for a kill.
#[derive(Debug, thiserror::Error)]
#[error("the socket was closed by another greenlet")]
struct Closed;

/// Whether a wait has failed because it was called in the hub. An exception of the same type that was thrown into the
/// greenlet does not count.
#[cold]
fn hub_cannot_wait(exception: &Exception) -> bool {
    exception.error().is::<BlockingSwitchOutError>() && exception.thrown_here().is_none()
}

/// Whether the error is one of the wait, and not of a connection or an address: an exception was thrown into the
/// greenlet, or the greenlet cannot wait at all. A loop that goes on after other errors ends with such an error.
pub(super) fn ends_all(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<AsError>())
}

/// Checks a timeout as Python's `settimeout` does: it may not be negative.
pub(super) fn valid_timeout(timeout: impl Seconds) -> io::Result<Option<f64>> {
    let invalid = |why: Box<dyn std::error::Error + Send + Sync>| io::Error::new(io::ErrorKind::InvalidInput, why);
    match timeout.checked() {
        Err(no_number) => Err(invalid(no_number.into())),
        Ok(Some(seconds)) if seconds < 0.0 => Err(invalid("Timeout value out of range".into())),
        Ok(timeout) => Ok(timeout),
    }
}
