//! What all sockets share: a non-blocking descriptor, its two watchers, and waiting for them.
//! Source: gevent's `_socketcommon.py`.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::rc::{Rc, Weak};

use greenlet_core::{AsError, Exception};
use hub::core::{Events, Io};
use hub::{Hub, Seconds, TimedOut, WeakList, try_get_hub};

use crate::exceptions::BlockingSwitchOutError;

/// A socket of this thread.
pub(super) struct RawSocket {
    // Before the descriptor: watchers go first.
    read: OnceCell<Io>,
    write: OnceCell<Io>,
    /// None once it is closed. Shared with operations that are under way, so that the number
    /// of the descriptor is not reused under them.
    socket: RefCell<Option<Rc<socket2::Socket>>>,
    hub: Hub,
    /// How long to wait, by [`Direction`].
    timeouts: [Cell<Option<f64>>; 2],
    /// Whether the next read is worth a try before waiting: the last one filled its buffer, or
    /// there was none.
    more_to_read: Cell<bool>,
    /// What [`shutdown`](RawSocket::shutdown) has ended, by [`Direction`].
    shut_down: [Cell<bool>; 2],
    /// All descriptors of the connection that were [made](RawSocket::try_clone) of one another.
    copies: OnceCell<Rc<RefCell<WeakList<RawSocket>>>>,
}

/// Which way to wait for.
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

    /// Of a socket that does not block already.
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

    /// A second descriptor for the same connection, with the same timeouts.
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

    /// Lends the descriptor, which stays open that long, even if the socket is closed meanwhile.
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
    pub(super) fn set_timeout(
        &self,
        directions: &[Direction],
        timeout: impl Seconds,
    ) -> io::Result<()> {
        let timeout = valid_timeout(timeout)?;
        for direction in directions {
            self.timeouts[*direction as usize].set(timeout);
        }
        Ok(())
    }

    /// Parks the greenlet until the socket is ready, so long at most.
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
        self.hub
            .wait_on_watcher_unless(watcher, timeout, is_shut_down)
    }

    /// Does `operation` as soon as it does not block.
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

    /// A read into an empty buffer, which never waits. It returns the errors of the connection; it is no error that
    /// nothing is there yet.
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

    /// A read into a buffer of `len` bytes, which is not 0. After a short read it waits first: the loop is
    /// level-triggered, so nothing is missed, and the read that would only say EAGAIN is saved.
    #[track_caller]
    pub(super) fn read(
        &self,
        len: usize,
        operation: impl FnMut(&socket2::Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let timeout = self.timeout(Direction::Read);
        if timeout != Some(0.0) && !self.more_to_read.get() {
            match self.park(Direction::Read, timeout) {
                // The hub cannot wait, but what is there already it may read.
                Err(e) if hub_cannot_wait(&e) => {}
                waited => waited.map_err(|e| self.io_error(e))?,
            }
        }
        let n = self.retry(Direction::Read, operation)?;
        self.more_to_read.set(n == len);
        Ok(n)
    }

    /// The error of a wait. An exception that was thrown into the greenlet keeps its identity, unless this socket has
    /// thrown it.
    #[cold]
    fn io_error(&self, exception: Exception) -> io::Error {
        let error = exception.error();
        if error.is::<Closed>() {
            return closed();
        }
        // Somebody may throw one, too.
        if let Some(timed_out) = error.downcast_ref::<TimedOut>()
            && exception.thrown_here().is_none()
        {
            return (*timed_out).into();
        }
        exception.into()
    }

    /// Ends directions of the connection. Greenlets that wait for one, at this descriptor or a copy, are woken and
    /// try again: a Unix socket that is shut down for writing while it is full has no event that would say so.
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
                // Fails only if the loop is destroyed, and then nobody waits any more.
                let _ = self.hub.end_wait(watcher);
            }
        }
    }

    /// Closes the socket. Greenlets that wait for it are told so; the descriptor itself is
    /// closed when they have been, so that its number cannot be reused under them.
    pub(super) fn close(&self) {
        let Some(socket) = self.socket.take() else {
            return;
        };
        let watchers = [self.read.get(), self.write.get()];
        let watchers = watchers.into_iter().flatten().map(|io| (**io).clone());
        // Fails only if the loop is destroyed, and then nobody waits any more.
        let _ = self
            .hub
            .cancel_waits_close_and_then(watchers, Closed, move || drop(socket));
    }
}

/// Thrown into those who wait for a socket that is closed; their calls fail with [`closed`]. Nobody else can throw it, so
/// it is told from a kill.
#[derive(Debug, thiserror::Error)]
#[error("the socket was closed by another greenlet")]
struct Closed;

/// Whether a wait has failed because the hub wanted to wait. An exception of that type may also have been thrown by
/// somebody: that does not count.
#[cold]
fn hub_cannot_wait(exception: &Exception) -> bool {
    exception.error().is::<BlockingSwitchOutError>() && exception.thrown_here().is_none()
}

/// Whether the error is one of the wait, and not of a connection or an address: something was thrown into the greenlet,
/// or it cannot wait at all. A loop that goes on after other errors ends with this one.
pub(super) fn ends_all(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<AsError>())
}

/// A time that Python's `settimeout` takes.
pub(super) fn valid_timeout(timeout: impl Seconds) -> io::Result<Option<f64>> {
    let invalid = |why: Box<dyn std::error::Error + Send + Sync>| {
        io::Error::new(io::ErrorKind::InvalidInput, why)
    };
    match timeout.checked() {
        Err(no_number) => Err(invalid(no_number.into())),
        Ok(Some(seconds)) if seconds < 0.0 => Err(invalid("Timeout value out of range".into())),
        Ok(timeout) => Ok(timeout),
    }
}

/// What gevent calls `cancel_wait_ex`: the file descriptor was closed in another greenlet.
fn closed() -> io::Error {
    io::Error::from_raw_os_error(libc::EBADF)
}
