//! [`OuterWait`]: somebody else waits in the place of a loop: another loop of the same thread. Source: ev.pod,
//! `ev_embed`, which leaves out timers and callbacks.
//!
//! Between two runs a loop tells nobody when it gets something to do: a watcher that is started is only noted, and
//! other threads write to the wake-up descriptor only while a run waits. So the wait begins as in a run, by the shim's
//! `ev_shim_loop_begin_wait`, and each `Loop` of the loop is marked. The mark turns the shortest way to the loop's
//! pointer off, which all changes take; the longer one ends the outer wait, by a write to the wake-up descriptor.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use greenlet_core::direct;
use libev_sys as ev;

use crate::core::error::{CannotCreateLoop, Error, LoopDestroyed, NoInternals, NotEmbeddable};
use crate::core::event_loop::flags::LoopFlags;
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::embed::check_backend;

/// A wait in the place of a loop, for another event loop of the same thread, which cannot run this one all the time.
/// Made by [`Loop::outer_wait`].
///
/// The other loop runs this one by turns, without waiting ([`Loop::run_nowait`], or in a greenlet). After a turn it
/// calls [`begin`](Self::begin). If that says that there is something to do, another turn is due. If not, the other
/// loop waits until the descriptor ([`AsFd`]) can be read, or the time is over, whichever comes first.
///
/// The descriptor can be read
///
/// - when there is an event for a watcher, a signal, or a callback of another thread;
/// - when the loop is changed by this thread: a callback is queued, a watcher started. The loop's clock is brought up
///   to date then. Also calls that only look at the loop may have this effect. C code that has the loop's
///   [pointer](Loop::as_ptr) must ask for it anew after each wait.
///
/// What has made it readable may be gone when the other loop looks, if the loop was run in between. So whoever else
/// runs the loop has to tell the other loop ([`goes_on`](Self::goes_on) is false then).
///
/// ```
/// use std::time::Duration;
/// use hub::core::Loop;
///
/// let loop_ = Loop::new("", false)?;
/// let wait = loop_.outer_wait()?;
/// assert_eq!(wait.begin()?, None); // only an event ends the wait
/// loop_.run_callback(|| ())?;
/// assert!(!wait.goes_on()); // the descriptor can be read
/// loop_.run_nowait()?;
/// let timer = loop_.timer(0.5)?;
/// timer.start(|| ())?;
/// assert!(wait.begin()?.is_some_and(|time| time <= Duration::from_millis(500)));
/// # Ok::<(), hub::core::Error>(())
/// ```
pub struct OuterWait {
    loop_: Loop,
    /// A descriptor of our own, which stays the same when the loop gets another one.
    fd: Arc<OwnedFd>,
    /// How many descriptors this thread's loops had got when the loop's was put into `fd`.
    epolls: Cell<Option<u32>>,
    process: u32,
}

impl Loop {
    /// Prepares to wait in the place of this loop.
    ///
    /// # Errors
    /// [`NotEmbeddable`] if the loop's backend has no descriptor that another loop could wait for; [`NoInternals`];
    /// [`CannotCreateLoop`] if there are no descriptors left; an error if the loop is destroyed.
    pub fn outer_wait(&self) -> Result<OuterWait, Error> {
        check_backend(self)?;
        let backend = self.fileno().ok_or(NoInternals)?;
        let wait = OuterWait {
            loop_: self.clone(),
            fd: Arc::new(outer(backend).map_err(no_descriptor)?),
            epolls: Cell::new(None),
            process: process::id(),
        };
        wait.follow(self)?;
        Ok(wait)
    }
}

fn no_descriptor(source: io::Error) -> Error {
    let flags = LoopFlags::EPOLL;
    CannotCreateLoop { flags, source }.into()
}

impl OuterWait {
    /// Begins the wait, and returns how long it may last at most: no time if there is something to do at once, and
    /// `None` if only an event ends it.
    ///
    /// To be called outside of the loop's callbacks, or in a greenlet to which the last callback of a turn has
    /// switched.
    ///
    /// # Errors
    /// [`NotEmbeddable::Forked`] in the child of a fork; an error if the loop is destroyed.
    pub fn begin(&self) -> Result<Option<Duration>, Error> {
        self.end();
        let raw_loop = self.loop_.modify()?;
        // SAFETY: `modify` says that the loop is alive.
        let seconds = unsafe { ev::ev_shim_loop_begin_wait(raw_loop) };
        self.follow(&self.loop_)?;
        let shared = &self.loop_.state().shared;
        // What other threads have queued before the shim's look is seen here; what they queue later, by the descriptor.
        if seconds == 0.0 || shared.has_queued() {
            return Ok(Some(Duration::ZERO));
        }
        shared.set_outer_wait(true);
        // A time that no duration can be is for ever, as is libev's -1.
        let limit = Duration::try_from_secs_f64(seconds).ok();
        let outside = Outside {
            fd: self.fd.clone(),
            until: limit.and_then(|limit| Instant::now().checked_add(limit)),
        };
        self.loop_.state().mailbox.facts.set_outside(Some(outside));
        Ok(limit)
    }

    /// Whether the wait was begun, and the loop has neither been changed nor run by anybody since.
    pub fn goes_on(&self) -> bool {
        self.loop_.state().is_in_outer_wait()
    }

    /// Ends the wait, so that changes of the loop are told no more. To be called before the loop's next turn.
    pub fn end(&self) {
        if self.goes_on() {
            self.loop_.state().shared.set_outer_wait(false);
        }
    }

    /// Puts the loop's descriptor into ours, if it is not known to be there.
    fn follow(&self, loop_: &Loop) -> Result<(), Error> {
        // SAFETY: no preconditions.
        let epolls = unsafe { ev::ev_shim_epoll_count() };
        if self.epolls.get() == Some(epolls) {
            return Ok(());
        }
        if process::id() != self.process {
            // The parent waits for the same descriptor.
            return Err(NotEmbeddable::Forked.into());
        }
        let backend = loop_.fileno().ok_or(LoopDestroyed)?;
        put(self.fd.as_raw_fd(), backend).map_err(no_descriptor)?;
        self.epolls.set(Some(epolls));
        Ok(())
    }
}

/// An outer wait that goes on, as other threads know it.
#[derive(Clone)]
pub(in crate::core) struct Outside {
    fd: Arc<OwnedFd>,
    /// When the wait is over at the latest, if it ever is without an event.
    until: Option<Instant>,
}

impl Outside {
    /// Whether there is nothing to do for the loop.
    pub(in crate::core) fn is_idle(&self) -> bool {
        let mut asked = libc::pollfd {
            fd: self.fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: this is one valid `pollfd`.
        let found = direct(|| unsafe { libc::poll(&mut asked, 1, 0) });
        found == 0 && self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// A descriptor that can be read when `backend` can.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn outer(_backend: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: no preconditions.
    owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
}

/// A descriptor that can be read when `backend` can. Only a fork gives the loop another one.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn outer(backend: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: no preconditions.
    owned(unsafe { libc::fcntl(backend, libc::F_DUPFD_CLOEXEC, 0) })
}

fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Has `outer` be readable when `backend` is. Does nothing if it was done before.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn put(outer: RawFd, backend: RawFd) -> io::Result<()> {
    let mut event = libc::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: 0,
    };
    // SAFETY: the event is valid, and the kernel checks the descriptors.
    if unsafe { libc::epoll_ctl(outer, libc::EPOLL_CTL_ADD, backend, &mut event) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::EEXIST) {
        Ok(())
    } else {
        Err(error)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn put(_outer: RawFd, _backend: RawFd) -> io::Result<()> {
    Ok(())
}

impl AsFd for OuterWait {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for OuterWait {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for OuterWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("OuterWait");
        out.field("fd", &self.fd).field("goes_on", &self.goes_on()).finish()
    }
}
