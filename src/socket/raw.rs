//! What all sockets share: a non-blocking descriptor, its two watchers, and waiting for them.
//! Source: gevent's `_socketcommon.py`.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

use greenlet_core::Exception;
use hub::core::{Events, Io};
use hub::{Hub, TimedOut, get_hub};

/// A socket of this thread.
pub(super) struct Raw {
    // Before the descriptor: watchers go first.
    read: OnceCell<Io>,
    write: OnceCell<Io>,
    /// None once it is closed. Shared with operations that are under way, so that the number
    /// of the descriptor is not reused under them.
    socket: RefCell<Option<Rc<socket2::Socket>>>,
    hub: Hub,
    timeout: Cell<Option<f64>>,
    /// Whether the next read is worth a try before waiting: the last one filled its buffer, or
    /// there was none.
    more_to_read: Cell<bool>,
}

/// Which way to wait for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Read,
    Write,
}

impl Raw {
    pub(super) fn new(socket: socket2::Socket) -> io::Result<Raw> {
        socket.set_nonblocking(true)?;
        Ok(Raw {
            read: OnceCell::new(),
            write: OnceCell::new(),
            socket: RefCell::new(Some(Rc::new(socket))),
            hub: get_hub(),
            timeout: Cell::new(None),
            more_to_read: Cell::new(true),
        })
    }

    /// The socket, while it is open.
    pub(super) fn socket(&self) -> io::Result<Rc<socket2::Socket>> {
        match &*self.socket.borrow() {
            Some(socket) => Ok(socket.clone()),
            None => Err(closed()),
        }
    }

    pub(super) fn fd(&self) -> Option<RawFd> {
        self.socket.borrow().as_ref().map(|s| s.as_raw_fd())
    }

    pub(super) fn timeout(&self) -> Option<f64> {
        self.timeout.get()
    }

    pub(super) fn set_timeout(&self, timeout: Option<f64>) {
        self.timeout.set(timeout);
    }

    /// Parks the greenlet until the socket is ready, for the socket's timeout at most.
    #[track_caller]
    pub(super) fn wait(&self, direction: Direction, timeout: Option<f64>) -> io::Result<()> {
        let (cell, events) = match direction {
            Direction::Read => (&self.read, Events::READ),
            Direction::Write => (&self.write, Events::WRITE),
        };
        let watcher = match cell.get() {
            Some(watcher) => watcher,
            None => {
                let fd = self.fd().ok_or_else(closed)?;
                let new = self.hub.loop_().io(fd, events).map_err(Exception::from)?;
                cell.get_or_init(|| new)
            }
        };
        match self.hub.wait_on_watcher(watcher, timeout) {
            Err(e) if e.is::<TimedOut>() => Err(io::Error::new(io::ErrorKind::TimedOut, TimedOut)),
            waited => Ok(waited?),
        }
    }

    /// Does `operation` as soon as it does not block.
    #[track_caller]
    pub(super) fn retry<T>(
        &self,
        direction: Direction,
        operation: impl FnMut(&socket2::Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        self.retry_for(direction, self.timeout.get(), operation)
    }

    /// [`retry`](Raw::retry) with another timeout than the socket's.
    #[track_caller]
    pub(super) fn retry_for<T>(
        &self,
        direction: Direction,
        timeout: Option<f64>,
        mut operation: impl FnMut(&socket2::Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            let socket = self.socket()?;
            match operation(&socket) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                result => return result,
            }
            drop(socket);
            if timeout == Some(0.0) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.wait(direction, timeout)?;
        }
    }

    /// A read into a buffer of `len` bytes. After a short read it waits first: the loop is
    /// level-triggered, so nothing is missed, and the read that would only say EAGAIN is saved.
    #[track_caller]
    pub(super) fn read(
        &self,
        len: usize,
        operation: impl FnMut(&socket2::Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let timeout = self.timeout.get();
        if len > 0 && timeout != Some(0.0) && !self.more_to_read.get() {
            self.wait(Direction::Read, timeout)?;
        }
        let n = self.retry_for(Direction::Read, timeout, operation)?;
        self.more_to_read.set(n == len);
        Ok(n)
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
            .cancel_waits_close_and_then(watchers, closed(), move || drop(socket));
    }
}

/// What gevent calls `cancel_wait_ex`: the file descriptor was closed in another greenlet.
fn closed() -> io::Error {
    io::Error::from_raw_os_error(libc::EBADF)
}
