//! [`Io`]: a watcher for file descriptors. Source: gevent's `io`; ev.pod, `ev_io`.

use std::fmt;
use std::io;
use std::os::fd::RawFd;

use libev_sys as ev;
use libev_sys::ev_io;

use crate::core::Events;
use crate::core::error::{BadFd, Error, IllegalEvents};
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::Kind;
use crate::core::watchers::watcher::{plain_start_stop, watcher_type};

pub(in crate::core) struct IoKind;

// SAFETY: ev_io begins with EV_WATCHER and is plain data.
unsafe impl Kind for IoKind {
    type Raw = ev_io;
    const NAME: &'static str = "io";

    plain_start_stop!(ev_io_start, ev_io_stop);

    fn format(&self, raw: *mut ev_io, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the body's own watcher, which was initialised when it was made.
        let (fd, events) = unsafe { ((*raw).fd, Events::from_bits((*raw).events)) };
        write!(f, " fd={fd} events={events}")
    }
}

watcher_type! {
    /// Calls back when a file descriptor can be read or written without blocking. Made by [`Loop::io`].
    ///
    /// The watcher fires for as long as that is so (level-triggered). It does not own the descriptor: stop the watcher
    /// before you close the descriptor. Otherwise libev, when it notices, stops the watcher and delivers
    /// `ERROR|READ|WRITE`; or, if the number is in use again by then, the watcher watches the new file. For a new file
    /// under the same number always call [`set_fd`](Io::set_fd).
    ///
    /// Other threads may close descriptors at any time, with the same consequences.
    ///
    /// When the kernel has no room for the descriptor (`ENOMEM`; `ENOSPC`, see `max_user_watches` in epoll(7)), libev
    /// stops the watcher and delivers `ERROR|READ|WRITE`, too. [`refused`](Io::refused) then tells the reason; a
    /// greenlet that waits with the watcher gets that reason as an error.
    ///
    /// A watcher whose callback fails (returns an error, or panics) is stopped: otherwise it would fail for ever.
    ///
    /// ```
    /// use std::io::Write;
    /// use std::os::fd::AsRawFd;
    /// use std::os::unix::net::UnixStream;
    /// use hub::core::{Events, Loop};
    ///
    /// let (reader, mut writer) = UnixStream::pair().unwrap();
    /// let loop_ = Loop::new("", false)?;
    /// let io = loop_.io(reader.as_raw_fd(), Events::READ)?;
    /// io.start_pass_events({
    ///     let io = io.clone();
    ///     move |events| {
    ///         assert_eq!(events, Events::READ);
    ///         io.stop().unwrap();
    ///     }
    /// })?;
    /// writer.write_all(b"x").unwrap();
    /// loop_.run()?;
    /// assert!(!io.active());
    /// # Ok::<(), hub::core::Error>(())
    /// ```
    Io(IoKind)
}

impl Loop {
    /// A watcher for `fd`; `events` may be [`READ`](Events::READ), [`WRITE`](Events::WRITE) or both.
    ///
    /// # Errors
    /// [`BadFd`] if `fd` is negative, not open, or 2^25 or more; [`IllegalEvents`] for other events. Fails also if the
    /// loop is destroyed.
    pub fn io(&self, fd: RawFd, events: Events) -> Result<Io, Error> {
        check_events(events)?;
        check_fd(fd)?;
        Io::make(self, IoKind, |_, raw, callback| {
            // SAFETY: `raw` is the new body's own.
            unsafe { ev::ev_shim_io_init(raw, Some(callback), fd, events.bits()) }
        })
    }

    /// Tells the loop that `fd` is about to be closed: every watcher of `fd` fires with the events that it waits for.
    /// Returns whether there was any. The watchers may be called after the callbacks of an iteration and before its
    /// wait; what they queue then waits for the next event, as in gevent, unless [`do_not_wait`](Loop::do_not_wait) is
    /// called.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn closing_fd(&self, fd: RawFd) -> Result<bool, Error> {
        let raw_loop = self.modify()?;
        // SAFETY: the loop is alive; libev ignores descriptors that it does not know.
        unsafe {
            let before = ev::ev_pending_count(raw_loop);
            ev::ev_feed_fd_event(raw_loop, fd, 0xFFFF);
            Ok(ev::ev_pending_count(raw_loop) > before)
        }
    }
}

impl Io {
    /// The reason why the kernel has refused to watch the descriptor. To be called in the callback, with the events
    /// that were passed to it. `None` if the kernel has not refused, and for a closed descriptor, whose next use tells
    /// that.
    pub fn refused(events: Events) -> Option<io::Error> {
        if !events.contains(Events::ERROR) {
            return None;
        }
        // SAFETY: no preconditions; the function only reads a number of this thread's.
        match unsafe { ev::ev_shim_fd_error() } {
            0 | libc::EBADF => None,
            errno => Some(io::Error::from_raw_os_error(errno)),
        }
    }

    /// The descriptor.
    pub fn fd(&self) -> RawFd {
        // SAFETY: the body's own watcher, which was initialised when it was made.
        unsafe { (*self.raw()).fd }
    }

    /// Watches another descriptor, or a new file under the same number.
    ///
    /// # Errors
    /// [`WatcherInUse`](crate::core::WatcherInUse) if the watcher is active or pending; [`BadFd`] if `fd` is negative,
    /// not open, or 2^25 or more.
    pub fn set_fd(&self, fd: RawFd) -> Result<(), Error> {
        self.check_idle("fd")?;
        check_fd(fd)?;
        // SAFETY: as in `fd`; libev does not know the watcher at the moment.
        unsafe { ev::ev_shim_io_set(self.raw(), fd, (*self.raw()).events) };
        Ok(())
    }

    /// The events that the watcher waits for. [`IOFDSET`](Events::IOFDSET) is among them until the first start, as in
    /// gevent.
    pub fn events(&self) -> Events {
        // SAFETY: as in `fd`.
        Events::from_bits(unsafe { (*self.raw()).events })
    }

    /// The names of the events, as in `"READ|WRITE"`: the same as `events().to_string()`, under gevent's name.
    pub fn events_str(&self) -> String {
        self.events().to_string()
    }

    /// Sets the events that the watcher waits for.
    ///
    /// # Errors
    /// [`WatcherInUse`](crate::core::WatcherInUse) if the watcher is active or pending; [`IllegalEvents`] for events
    /// other than read and write.
    pub fn set_events(&self, events: Events) -> Result<(), Error> {
        self.check_idle("events")?;
        check_events(events)?;
        // SAFETY: as in `set_fd`.
        unsafe { ev::ev_shim_io_set(self.raw(), (*self.raw()).fd, events.bits()) };
        Ok(())
    }
}

impl Io {
    /// [`set_fd`](Io::set_fd) and [`set_events`](Io::set_events) for a descriptor that the caller has just used: the
    /// kernel is not asked whether it is open. If it is not, the watcher fires with an error at once.
    ///
    /// # Errors
    /// As theirs.
    #[doc(hidden)]
    pub fn set_used_fd(&self, fd: RawFd, events: Events) -> Result<(), Error> {
        self.check_idle("fd")?;
        check_events(events)?;
        if !(0..MAX_FD).contains(&fd) {
            check_fd(fd)?;
        }
        // SAFETY: as in `set_fd`.
        unsafe { ev::ev_shim_io_set(self.raw(), fd, events.bits()) };
        Ok(())
    }
}

fn check_events(events: Events) -> Result<(), IllegalEvents> {
    if (Events::READWRITE | Events::IOFDSET).contains(events) {
        Ok(())
    } else {
        Err(IllegalEvents(events))
    }
}

/// Descriptors from this number on are refused. libev has an array with some 16 bytes for each number, and counts its
/// size, after doubling it, in an `int`; the kernel may allow a billion descriptors.
const MAX_FD: RawFd = 1 << 25;

fn check_fd(fd: RawFd) -> Result<(), BadFd> {
    if fd >= MAX_FD {
        let source = io::Error::from_raw_os_error(libc::EOVERFLOW);
        return Err(BadFd { fd, source });
    }
    // SAFETY: F_GETFD changes nothing, and takes any number.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
        return Err(BadFd {
            fd,
            source: io::Error::last_os_error(),
        });
    }
    Ok(())
}
