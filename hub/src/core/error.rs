//! The errors of a loop or a watcher: one small type per error, and [`Error`] for any of them.
//!
//! gevent raises `ValueError`, `TypeError`, `AttributeError` or `OSError` for these; each type says which.

use std::io;
use std::os::fd::RawFd;

use greenlet_core::GreenletError;

/// Any error of this module. Each variant's source is the small error in it, so that for an [`Exception`] made of an
/// `Error`, say, `is::<BadFd>()` holds.
///
/// [`Exception`]: greenlet_core::Exception
///
/// ```
/// use hub::core::{Error, Loop};
///
/// let loop_ = Loop::new("", false)?;
/// loop_.destroy()?;
/// assert!(matches!(loop_.run(), Err(Error::Destroyed(_))));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// See [`LoopDestroyed`].
    #[error("{0}")]
    Destroyed(#[from] LoopDestroyed),
    /// See [`InvalidFlag`].
    #[error("{0}")]
    InvalidFlag(#[from] InvalidFlag),
    /// See [`UnsupportedBackend`].
    #[error("{0}")]
    UnsupportedBackend(#[from] UnsupportedBackend),
    /// See [`CannotCreateLoop`].
    #[error("{0}")]
    CannotCreateLoop(#[from] CannotCreateLoop),
    /// See [`DefaultLoopInUse`].
    #[error("{0}")]
    DefaultLoopInUse(#[from] DefaultLoopInUse),
    /// See [`BadFd`].
    #[error("{0}")]
    BadFd(#[from] BadFd),
    /// See [`IllegalEvents`].
    #[error("{0}")]
    IllegalEvents(#[from] IllegalEvents),
    /// See [`IllegalTime`].
    #[error("{0}")]
    IllegalTime(#[from] IllegalTime),
    /// See [`IllegalSignal`].
    #[error("{0}")]
    IllegalSignal(#[from] IllegalSignal),
    /// See [`SignalInUse`].
    #[error("{0}")]
    SignalInUse(#[from] SignalInUse),
    /// See [`IllegalPath`].
    #[error("{0}")]
    IllegalPath(#[from] IllegalPath),
    /// See [`NotDefaultLoop`].
    #[error("{0}")]
    NotDefaultLoop(#[from] NotDefaultLoop),
    /// See [`CannotWatchChild`].
    #[error("{0}")]
    CannotWatchChild(#[from] CannotWatchChild),
    /// See [`NotEmbeddable`].
    #[error("{0}")]
    NotEmbeddable(#[from] NotEmbeddable),
    /// See [`WatcherInUse`].
    #[error("{0}")]
    WatcherInUse(#[from] WatcherInUse),
    /// See [`Uninterruptible`].
    #[error("{0}")]
    Uninterruptible(#[from] Uninterruptible),
    /// The loop was to be run where no switch is possible, so that it could wake no greenlet.
    #[error("{0}")]
    CannotSwitch(#[from] GreenletError),
    /// See [`RefUnderflow`].
    #[error("{0}")]
    RefUnderflow(#[from] RefUnderflow),
    /// See [`NoInternals`].
    #[error("{0}")]
    NoInternals(#[from] NoInternals),
}

/// The loop has been destroyed. `ValueError` in gevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("operation on destroyed loop")]
pub struct LoopDestroyed;

/// A name that is neither a backend nor a flag. `ValueError` in gevent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid backend or flag: {name:?}\nPossible values: {}", crate::core::event_loop::flags::names().join(", "))]
#[non_exhaustive]
pub struct InvalidFlag {
    /// The name that was given.
    pub name: String,
}

/// A backend that libev does not know, or that this platform does not have. `ValueError` in gevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Unsupported backend: {backends}")]
#[non_exhaustive]
pub struct UnsupportedBackend {
    /// The backends that were asked for.
    pub backends: crate::core::LoopFlags,
}

/// libev could not make a loop: the kernel refused every backend asked for, or there are no file descriptors
/// left. `SystemError` in gevent.
#[derive(Debug, thiserror::Error)]
#[error("cannot create a loop with flags {flags:?}: {source}")]
#[non_exhaustive]
pub struct CannotCreateLoop {
    /// The flags that were asked for.
    pub flags: crate::core::LoopFlags,
    /// The reason the kernel gave.
    pub source: io::Error,
}

/// Another thread uses libev's default loop, of which there is one per process.
///
/// gevent does not check this; here it is an error, because two threads in one loop are a data race.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the default loop is in use by another thread")]
pub struct DefaultLoopInUse;

/// A file descriptor that is negative, not open, or too large for libev. `ValueError` or `OSError` in gevent.
#[derive(Debug, thiserror::Error)]
#[error("bad file descriptor {fd}: {source}")]
#[non_exhaustive]
pub struct BadFd {
    /// The descriptor that was given.
    pub fd: RawFd,
    /// `EBADF` from the kernel; `EOVERFLOW` if libev cannot take so large a number.
    pub source: io::Error,
}

impl BadFd {
    /// The error of a descriptor that is not open.
    pub fn not_open(fd: RawFd) -> BadFd {
        let source = io::Error::from_raw_os_error(libc::EBADF);
        BadFd { fd, source }
    }
}

/// The kernel's error, so that one `match` arm catches this and the `EBADF` of a system call.
impl From<BadFd> for io::Error {
    fn from(bad: BadFd) -> Self {
        bad.source
    }
}

/// Events that an io watcher cannot wait for. `ValueError` in gevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("illegal event mask: {0}")]
pub struct IllegalEvents(
    /// The events that were given.
    pub crate::core::Events,
);

/// A number of seconds that makes no sense where it was given. `ValueError` in gevent.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("illegal value for {what}: {value}")]
#[non_exhaustive]
pub struct IllegalTime {
    /// The parameter.
    pub what: &'static str,
    /// The value that was given.
    pub value: f64,
}

/// A number that is not a signal, or a signal that cannot be caught. `ValueError` in gevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("illegal signal number: {0}")]
pub struct IllegalSignal(
    /// The number that was given.
    pub i32,
);

/// The signal is watched by another loop: libev delivers each signal to one loop only. An abort in gevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signal {0} is attached to another loop")]
pub struct SignalInUse(
    /// The signal.
    pub i32,
);

/// A path with a NUL byte inside. `ValueError` in Python.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("embedded null byte in path {0:?}")]
pub struct IllegalPath(
    /// The path that was given.
    pub std::path::PathBuf,
);

/// Child watchers are only available on the default loop. `TypeError` in gevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("child watchers are only available on the default loop")]
pub struct NotDefaultLoop;

/// The loop cannot be embedded in that other loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotEmbeddable {
    /// The loop's backend has no file descriptor that another loop could wait for, see
    /// [`embeddable_backends`](crate::core::embeddable_backends).
    #[error("loops with backend {0} cannot be embedded")]
    Backend(crate::core::LoopFlags),
    /// The loop would embed itself, directly or through other loops.
    #[error("a loop cannot be embedded into itself")]
    Cycle,
    /// The [`OuterWait`](crate::core::OuterWait) was made in the parent of a fork.
    #[error("the outer wait belongs to the parent of a fork")]
    Forked,
}

/// The attribute cannot be changed while the watcher is active or pending. `AttributeError` in gevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{watcher:?} watcher attribute {attribute:?} is read-only while watcher is active or pending")]
#[non_exhaustive]
pub struct WatcherInUse {
    /// The type of the watcher.
    pub watcher: &'static str,
    /// The attribute.
    pub attribute: &'static str,
}

/// A method was called from a place where libev cannot be called: a [`Periodic`](crate::core::Periodic)'s reschedule
/// function, a [`set_syserr_cb`](crate::core::set_syserr_cb) callback, or one [around the
/// wait](crate::core::LoopRelease) of a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the loop cannot be used from a reschedule or system error callback, or around its wait")]
pub struct Uninterruptible;

/// There are more [`unref`](crate::core::Loop::unref)s than references.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the loop has been unref'd more often than ref'd")]
pub struct RefUnderflow;

/// The linked libev does not show the inside of its loops: it is the system's, not the one that is built with this
/// crate. `AttributeError` in gevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the linked libev does not expose its internals")]
pub struct NoInternals;

/// Ends the run of a hub's loop, because the hub is being destroyed: the loop forgets its queued callbacks and breaks.
///
/// A callback may return it, too, and [`Loop::handle_error`](crate::core::Loop::handle_error) take it: it is never
/// printed. Source: `gevent.exceptions.HubDestroyed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, thiserror::Error)]
#[error("HubDestroyed")]
pub struct HubDestroyed;

/// A child cannot be watched: it has no such number, or there are no descriptors or threads left.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch the child {pid}: {source}")]
#[non_exhaustive]
pub struct CannotWatchChild {
    /// The number of the process.
    pub pid: i32,
    /// The reason.
    pub source: io::Error,
}

/// A child has ended, but its status is not known: other code has waited for it, or `SIGCHLD` is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the status of process {pid} is not known: somebody else has waited for it, or SIGCHLD is ignored")]
#[non_exhaustive]
pub struct StatusUnknown {
    /// The number of the process.
    pub pid: i32,
}
