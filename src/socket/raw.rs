//! [`RawSocket`], the base of all sockets: a non-blocking descriptor, its two watchers, and waiting for them. Source:
//! gevent's `_socketcommon.py`.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::rc::{Rc, Weak};

use greenlet_core::{AsError, Exception, direct};
use hub::core::{Events, Io};
use hub::{Hub, Seconds, TimedOut, WeakList, try_get_hub};
use socket2::SockAddr;

use super::python::{Files, Kind};
use super::unix_address::as_unix;
use super::waits::cancel_wait_ex as closed;
use crate::exceptions::BlockingSwitchOutError;
pub(crate) use crate::polls::Direction;
use crate::polls::{PolledObject, Polls};
use emptied::Emptied;
use ending::Closed;
pub(crate) use limit::Limit;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use stuck::AtEnd;
use stuck::{Next, Stuck};

mod emptied;
mod ending;
mod limit;
mod message;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod options;
mod polls;
mod sendfile;
mod stuck;
mod whole;

/// A non-blocking socket, which belongs to this thread's hub.
pub(crate) struct RawSocket {
    // The watchers come before the descriptor, so that they are dropped first.
    read: OnceCell<Io>,
    write: OnceCell<Io>,
    /// None once the socket is closed. Shared with operations that are under way, so that the number of the descriptor
    /// is not reused before they end.
    socket: RefCell<Option<Rc<socket2::Socket>>>,
    hub: Hub,
    /// How many seconds a call may wait, by [`Direction`].
    timeouts: [Cell<Option<f64>>; 2],
    emptied: Emptied,
    /// Whether [`shutdown`](RawSocket::shutdown) has ended a direction since the last wait in it, by [`Direction`]. A
    /// socket can be used again afterwards: one that listens or connects anew.
    shut_down: [Cell<bool>; 2],
    /// What the socket was made as, if that was told or asked.
    kind: OnceCell<Kind>,
    /// How many files that [`makefile`](super::Socket::makefile) has made are open.
    pub(super) files: Files,
    /// The sockets of this connection that were made of one another by [`try_clone`](RawSocket::try_clone).
    copies: OnceCell<Rc<RefCell<WeakList<RawSocket>>>>,
    polls: Polls,
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
            emptied: Emptied::default(),
            shut_down: Default::default(),
            kind: OnceCell::new(),
            files: Files::default(),
            copies: OnceCell::new(),
            polls: Polls::default(),
        })
    }

    /// As `new`, and tells what the socket was made as.
    pub(super) fn of_kind(socket: socket2::Socket, kind: Kind) -> io::Result<RawSocket> {
        let mut raw = RawSocket::of_nonblocking(socket)?;
        raw.kind = OnceCell::from(kind);
        Ok(raw)
    }

    /// What the socket was made as. A socket that was not told so asks the system.
    pub(super) fn kind(&self) -> io::Result<Kind> {
        match self.kind.get() {
            Some(kind) => Ok(*kind),
            None => {
                let kind = Kind::of(&*self.socket()?)?;
                Ok(*self.kind.get_or_init(|| kind))
            }
        }
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
            kind: self.kind.clone(),
            copies: OnceCell::from(copies.clone()),
            ..RawSocket::new(self.socket()?.try_clone()?)?
        });
        copies.borrow_mut().push(Rc::downgrade(&copy));
        Ok(copy)
    }

    /// The socket, while it is open.
    pub(crate) fn socket(&self) -> io::Result<Rc<socket2::Socket>> {
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

    /// The socket alone, blocking again, if `this` is the only handle, and there is no copy, which would block, too.
    pub(super) fn into_blocking(this: Rc<Self>) -> io::Result<socket2::Socket> {
        let busy = || io::Error::new(io::ErrorKind::ResourceBusy, "there are other handles of the socket");
        if this.has_copies() {
            return Err(busy());
        }
        let raw = Rc::try_unwrap(this).map_err(|_| busy())?;
        let socket = raw.socket.take().ok_or_else(closed)?;
        // The watchers go before anybody else can close the descriptor.
        drop(raw);
        let socket = Rc::try_unwrap(socket).map_err(|_| busy())?;
        socket.set_nonblocking(false)?;
        Ok(socket)
    }

    /// Whether another descriptor that [`try_clone`](RawSocket::try_clone) has made is open.
    fn has_copies(&self) -> bool {
        let is_copy = |raw: &Rc<RawSocket>| !std::ptr::eq(&**raw, self) && raw.fd().is_some();
        self.copies.get().is_some_and(|copies| {
            copies
                .borrow()
                .iter()
                .filter_map(Weak::upgrade)
                .any(|raw| is_copy(&raw))
        })
    }

    pub(super) fn fd(&self) -> Option<RawFd> {
        self.socket.borrow().as_ref().map(|s| s.as_raw_fd())
    }

    pub(crate) fn timeout(&self, direction: Direction) -> Option<f64> {
        self.timeouts[direction as usize].get()
    }

    /// The limit of a call with no other than the socket's own timeout.
    #[inline]
    pub(crate) fn limit(&self, direction: Direction) -> Limit<'_> {
        Limit::of_each_wait(&self.timeouts[direction as usize])
    }

    /// Python's `settimeout`, for these directions.
    pub(crate) fn set_timeout(&self, directions: &[Direction], timeout: impl Seconds) -> io::Result<()> {
        let timeout = valid_timeout(timeout)?;
        for direction in directions {
            self.timeouts[*direction as usize].set(timeout);
        }
        Ok(())
    }

    /// Parks the greenlet until the socket is ready.
    #[track_caller]
    fn wait(&self, direction: Direction, limit: Limit<'_>) -> io::Result<()> {
        self.park(direction, limit).map_err(|e| self.io_error(e))
    }

    #[track_caller]
    fn park(&self, direction: Direction, limit: Limit<'_>) -> Result<(), Exception> {
        if matches!(direction, Direction::Read) {
            self.emptied.waits();
        }
        // A task that has just read or written does not wait any more.
        self.stop_unless_awaited(direction);
        let watcher = self.watcher_of(direction)?;
        let is_over = || match self.fd() {
            Some(_) => Ok(self.shut_down[direction as usize].take() || limit.is_told_to_end()),
            None => Err(closed().into()),
        };
        self.hub.wait_on_watcher_unless(watcher, limit.left(), is_over)
    }

    /// The watcher of this direction, which is made when it is first needed.
    fn watcher_of(&self, direction: Direction) -> Result<&Io, Exception> {
        let (cell, events) = match direction {
            Direction::Read => (&self.read, Events::READ),
            Direction::Write => (&self.write, Events::WRITE),
        };
        match cell.get() {
            Some(watcher) => Ok(watcher),
            None => {
                let new = self.hub.loop_().io(self.fd().ok_or_else(closed)?, events)?;
                Ok(cell.get_or_init(|| new))
            }
        }
    }

    /// Parks the greenlet until there is something to read, without looking first. No buffer is needed meanwhile.
    #[cfg(feature = "pywsgi")]
    #[track_caller]
    pub(super) fn wait_to_read(&self) -> io::Result<()> {
        self.wait(Direction::Read, self.limit(Direction::Read))
    }

    /// Calls `operation` until it does not fail with `WouldBlock`, and waits for the socket before each further call. A
    /// timeout that is changed meanwhile holds from the next wait on.
    #[track_caller]
    pub(super) fn retry<T: AtEnd>(
        &self,
        direction: Direction,
        operation: impl FnMut(&socket2::Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        self.retry_within(direction, self.limit(direction), operation)
    }

    /// As [`retry`](RawSocket::retry), within this limit instead of the socket's own timeout.
    #[track_caller]
    #[inline]
    pub(crate) fn retry_within<T: AtEnd>(
        &self,
        direction: Direction,
        limit: Limit<'_>,
        mut operation: impl FnMut(&socket2::Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut stuck = None;
        loop {
            if limit.may_wait() {
                self.hub.give_turn().map_err(|e| self.io_error(e))?;
            }
            if limit.is_told_to_end() {
                return Err(told_to_end());
            }
            let socket = self.socket()?;
            match direct(|| operation(&socket)) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && limit.may_wait() => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                result => {
                    if matches!(direction, Direction::Write) {
                        self.emptied.this_has_sent();
                    }
                    return result;
                }
            }
            match &mut stuck {
                None => stuck = Some(Stuck::new(direction)),
                Some(stuck) => match stuck.next(&socket, limit.left())? {
                    Next::Wait => {}
                    Next::TryAgain => continue,
                    Next::End => return T::at_end(),
                },
            }
            drop(socket);
            self.wait(direction, limit)?;
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

    /// Reads into a buffer of `len` bytes, which is not 0. If nothing can have come since the last read, it waits
    /// first.
    #[track_caller]
    pub(super) fn read(
        &self,
        limit: Limit<'_>,
        len: usize,
        operation: impl FnMut(&socket2::Socket) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.read_unless_still(limit, operation, |n| n < len)
    }

    /// As [`read`](RawSocket::read), for an operation that chooses the length itself. `is_all` is asked whether so many
    /// bytes are fewer than the last call had place for.
    #[track_caller]
    #[inline]
    pub(crate) fn read_unless_still(
        &self,
        limit: Limit<'_>,
        operation: impl FnMut(&socket2::Socket) -> io::Result<usize>,
        is_all: impl FnOnce(usize) -> bool,
    ) -> io::Result<usize> {
        if limit.may_wait() && self.emptied.is_still() {
            match self.park(Direction::Read, limit) {
                // The hub cannot wait, but it may read the data that are there already.
                Err(e) if hub_cannot_wait(&e) => {}
                waited => waited.map_err(|e| self.io_error(e))?,
            }
        }
        let n = self.retry_within(Direction::Read, limit, operation)?;
        self.emptied.was_read(is_all(n));
        Ok(n)
    }

    /// Whether nothing can have come since the last read, so that the next one waits at once.
    #[cfg(any(feature = "ssl", feature = "ssl-aws-lc"))]
    pub(crate) fn is_still(&self) -> bool {
        self.emptied.is_still()
    }

    /// Receives into `buf`; 0 at the end, and for an empty buffer.
    #[track_caller]
    pub(super) fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.recv_within(self.limit(Direction::Read), buf)
    }

    #[track_caller]
    pub(super) fn recv_within(&self, limit: Limit<'_>, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return self.read_nothing(|mut socket| socket.read(buf));
        }
        self.read(limit, buf.len(), |mut socket| socket.read(buf))
    }

    #[track_caller]
    pub(super) fn recv_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let count = bufs.len().min(MAX_PARTS);
        let bufs = &mut bufs[..count];
        let len = bufs.iter().map(|b| b.len()).sum();
        if len == 0 {
            // Without a byte to read, `readv`, unlike `recv`, does not look at the socket.
            return self.read_nothing(|_| Ok(0));
        }
        self.read(self.limit(Direction::Read), len, |mut socket| {
            socket.read_vectored(bufs)
        })
    }

    #[track_caller]
    pub(super) fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return self.read_nothing(|socket| socket.peek(&mut []));
        }
        self.retry(Direction::Read, |socket| socket.peek(as_uninit(buf)))
    }

    #[track_caller]
    pub(super) fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.retry(Direction::Write, |socket| socket.send_with_flags(buf, NO_SIGNAL))
    }

    #[track_caller]
    pub(super) fn send_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let bufs = &bufs[..bufs.len().min(MAX_PARTS)];
        if bufs.iter().all(|buf| buf.is_empty()) {
            // Without a byte to write, `writev` does not look at the socket.
            return self.retry(Direction::Write, |_| Ok(0));
        }
        self.retry(Direction::Write, |socket| {
            socket.send_vectored_with_flags(bufs, NO_SIGNAL)
        })
    }

    /// Receives one datagram. What does not fit into `buf` is lost.
    #[track_caller]
    pub(super) fn recv_datagram(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.retry(Direction::Read, |socket| socket.recv(as_uninit(buf)))
    }

    /// Receives one datagram, and the address that it came from.
    #[track_caller]
    pub(super) fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, Option<SockAddr>)> {
        self.retry(Direction::Read, |socket| with_sender(socket.recv_from(as_uninit(buf))))
    }

    /// Receives a datagram if one is there already.
    pub(super) fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<Option<(usize, Option<SockAddr>)>> {
        unless_it_would_wait(|| with_sender(self.socket()?.recv_from(as_uninit(buf))))
    }

    #[track_caller]
    pub(super) fn peek_datagram(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.retry(Direction::Read, |socket| socket.peek(as_uninit(buf)))
    }

    #[track_caller]
    pub(super) fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, Option<SockAddr>)> {
        self.retry(Direction::Read, |socket| with_sender(socket.peek_from(as_uninit(buf))))
    }

    #[track_caller]
    pub(super) fn send_to(&self, buf: &[u8], address: &SockAddr) -> io::Result<usize> {
        self.retry(Direction::Write, |socket| {
            socket.send_to_with_flags(buf, address, NO_SIGNAL)
        })
    }

    /// Waits for a connection, and accepts it.
    #[track_caller]
    pub(super) fn accept(&self) -> io::Result<(socket2::Socket, SockAddr)> {
        self.retry(Direction::Read, accept)
    }

    /// Accepts a connection if one waits already.
    pub(super) fn try_accept(&self) -> io::Result<Option<(socket2::Socket, SockAddr)>> {
        unless_it_would_wait(|| accept(&*self.socket()?))
    }

    /// Connects, and waits until that is done. The system is asked once more after the wait, as in gevent: only this
    /// tells it that the socket is connected, so that it refuses to connect again.
    #[track_caller]
    pub(super) fn connect(&self, address: &SockAddr, limit: Limit<'_>) -> io::Result<()> {
        let mut waited = false;
        loop {
            let socket = self.socket()?;
            let connected = direct(|| socket.connect(address));
            drop(socket);
            match connected.map_err(|e| (e.raw_os_error(), e)) {
                Ok(()) => return Ok(()),
                Err((Some(libc::EINPROGRESS | libc::EALREADY | libc::EINTR), _)) => {}
                Err((Some(libc::EISCONN), _)) if waited => return Ok(()),
                Err((_, error)) => return Err(error),
            }
            if !limit.may_wait() {
                return Err(io::Error::from_raw_os_error(libc::EAGAIN));
            }
            self.wait(Direction::Write, limit)?;
            waited = true;
            if let Some(error) = self.socket()?.take_error()? {
                return Err(error);
            }
        }
    }

    /// [`connect`](RawSocket::connect) of a Unix socket, which fails while the listener's queue is full. The system has
    /// no event for the end of that, so it is tried again.
    #[track_caller]
    pub(super) fn connect_unix(&self, address: &SockAddr, limit: Limit<'_>) -> io::Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.connect(address, limit) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && limit.may_wait() => {}
                connected => return connected,
            }
            limit.check()?;
            hub::sleep(limit.left().map_or(pause, |left| left.min(pause)))?;
            pause = (pause * 2.0).min(LONGEST_PAUSE);
        }
    }

    /// Writes the descriptor and the addresses, as std's types do.
    pub(super) fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct(name);
        match self.fd() {
            Some(fd) => debug.field("fd", &fd),
            None => debug.field("closed", &true),
        };
        if let Ok(socket) = self.socket() {
            let mut address = |name, address: io::Result<SockAddr>| {
                let Ok(address) = address else { return };
                if let Some(address) = address.as_socket() {
                    debug.field(name, &address);
                } else if let Ok(address) = as_unix(address) {
                    debug.field(name, &address);
                }
            };
            address("addr", socket.local_addr());
            address("peer", socket.peer_addr());
        }
        debug.finish()
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
}

fn unless_it_would_wait<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<Option<T>> {
    loop {
        match direct(&mut call) {
            Ok(value) => return Ok(Some(value)),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// The error of a call that was [told to end](Limit::unless_told). Nobody sees it but the code that has told.
#[cold]
fn told_to_end() -> io::Error {
    io::Error::other("told to end")
}

/// Whether a wait has failed because it was called in the hub. An exception of the same type that was thrown into the
/// greenlet does not count.
#[cold]
fn hub_cannot_wait(exception: &Exception) -> bool {
    exception.error().is::<BlockingSwitchOutError>() && exception.thrown_here().is_none()
}

/// Whether the error is one of the wait, and not of a connection or an address: an exception was thrown into the
/// greenlet, or the greenlet cannot wait at all. A loop that goes on after other errors ends with such an error.
pub(crate) fn ends_all(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<AsError>())
}

/// Checks a timeout as Python's `settimeout` does: it may not be negative.
pub(crate) fn valid_timeout(timeout: impl Seconds) -> io::Result<Option<f64>> {
    let invalid = |why: Box<dyn std::error::Error + Send + Sync>| io::Error::new(io::ErrorKind::InvalidInput, why);
    match timeout.checked() {
        Err(no_number) => Err(invalid(no_number.into())),
        Ok(Some(seconds)) if seconds < 0.0 => Err(invalid("Timeout value out of range".into())),
        Ok(timeout) => Ok(timeout),
    }
}

/// Converts a buffer for those functions of `socket2` that take only uninitialised ones.
#[allow(unsafe_code)]
pub(super) fn as_uninit(buf: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: `u8` and `MaybeUninit<u8>` have the same layout, and `socket2` only passes the buffer to the kernel,
    // which writes whole bytes, so that all bytes remain initialised.
    unsafe { &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>]) }
}

/// The flag of every call that sends. With it a call fails without raising `SIGPIPE` if the other side is closed; that
/// signal would end a process that does not ignore or handle it. (Apple's systems have an option of the socket for
/// this, which `socket2` sets.)
#[cfg(not(target_vendor = "apple"))]
pub(crate) const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
pub(crate) const NO_SIGNAL: libc::c_int = 0;

/// How many seconds a call waits before it tries again where the system has no event, at first and at most.
const FIRST_PAUSE: f64 = 0.0005;
const LONGEST_PAUSE: f64 = 0.01;

/// How many buffers the system takes in one call: its `IOV_MAX`.
const MAX_PARTS: usize = 1024;

/// The address of a sender that has none has no length.
pub(super) fn with_sender(received: io::Result<(usize, SockAddr)>) -> io::Result<(usize, Option<SockAddr>)> {
    received.map(|(n, address)| (n, Some(address).filter(|address| address.len() > 0)))
}

/// Accepts a connection as a non-blocking socket, by one system call on Linux.
fn accept(listener: &socket2::Socket) -> io::Result<(socket2::Socket, socket2::SockAddr)> {
    #[cfg(target_os = "linux")]
    return listener.accept4(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
    #[cfg(not(target_os = "linux"))]
    {
        let (socket, address) = listener.accept()?;
        socket.set_nonblocking(true)?;
        Ok((socket, address))
    }
}
