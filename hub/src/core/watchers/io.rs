//! [`Io`]: a descriptor becomes readable or writable. Source: gevent's `io`; ev.pod, `ev_io`.

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
    /// It fires for as long as that is so (level-triggered). The watcher does not own the descriptor: stop it
    /// before closing the descriptor. Otherwise libev, when it notices, stops the watcher and delivers
    /// `ERROR|READ|WRITE`. If the number is in use again by then, it watches the new file. For a new file under
    /// the same number always call [`set_fd`](Io::set_fd).
    ///
    /// Other threads may close descriptors at any time; that is never worse than described here.
    ///
    /// When the kernel has no room for the descriptor (`ENOMEM`; `ENOSPC`, see `max_user_watches` in epoll(7)), the
    /// watcher is stopped, too, with `ERROR|READ|WRITE` and a [reason](Io::refused); a greenlet that waits with it gets
    /// that as an error.
    ///
    /// A watcher whose callback fails (returns an error, or panics) is stopped, or it would fail for ever.
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
    /// `fd` is negative or not open, or 2^25 or more; other events; the loop is destroyed.
    pub fn io(&self, fd: RawFd, events: Events) -> Result<Io, Error> {
        check_events(events)?;
        check_fd(fd)?;
        Io::make(self, IoKind, |_, raw, callback| {
            // SAFETY: `raw` is the new body's own.
            unsafe { ev::ev_shim_io_init(raw, Some(callback), fd, events.bits()) }
        })
    }

    /// Says that `fd` is about to be closed: every watcher of it gets the events it waits for. Says whether there
    /// was any.
    ///
    /// # Errors
    /// The loop is destroyed.
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
    /// Why the kernel has refused to watch the descriptor, in a callback that was passed these events: none if it has
    /// not, nor for a descriptor that was closed, which is found out by its next use.
    pub fn refused(events: Events) -> Option<io::Error> {
        if !events.contains(Events::ERROR) {
            return None;
        }
        // SAFETY: it only looks at a number of this thread's.
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
    /// The watcher is active or pending; `fd` is negative or not open, or 2^25 or more.
    pub fn set_fd(&self, fd: RawFd) -> Result<(), Error> {
        self.check_idle("fd")?;
        check_fd(fd)?;
        // SAFETY: as in `fd`; libev does not know the watcher at the moment.
        unsafe { ev::ev_shim_io_set(self.raw(), fd, (*self.raw()).events) };
        Ok(())
    }

    /// What the watcher waits for. [`IOFDSET`](Events::IOFDSET) is among it until the first start, as in gevent.
    pub fn events(&self) -> Events {
        // SAFETY: as in `fd`.
        Events::from_bits(unsafe { (*self.raw()).events })
    }

    /// The events in words, `"READ|WRITE"`: gevent's name for what `events().to_string()` says.
    pub fn events_str(&self) -> String {
        self.events().to_string()
    }

    /// Waits for other events.
    ///
    /// # Errors
    /// The watcher is active or pending; events other than read and write.
    pub fn set_events(&self, events: Events) -> Result<(), Error> {
        self.check_idle("events")?;
        check_events(events)?;
        // SAFETY: as in `set_fd`.
        unsafe { ev::ev_shim_io_set(self.raw(), (*self.raw()).fd, events.bits()) };
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

/// Descriptors from here on are refused. libev has an array with a place for each, of 16 bytes or a few more, whose
/// size it counts in an `int`, after doubling it; the kernel may allow a billion.
const MAX_FD: RawFd = 1 << 25;

fn check_fd(fd: RawFd) -> Result<(), BadFd> {
    if fd >= MAX_FD {
        let source = io::Error::from_raw_os_error(libc::EOVERFLOW);
        return Err(BadFd { fd, source });
    }
    // SAFETY: F_GETFD only looks, and any number may be asked for.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
        return Err(BadFd {
            fd,
            source: io::Error::last_os_error(),
        });
    }
    Ok(())
}
