//! [`ThreadWatch`]: whether a thread's greenlets switch.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use super::seen::{Snapshot, SnapshotError};
use super::signal::WatchSignal;
use super::snapshot::Probe;
use crate::thread::Thread;

/// The mark of somebody who has seen the number.
const SEEN: u64 = 1;

/// What a thread tells other threads. It is shared, and outlives the thread.
#[derive(Default)]
pub(crate) struct Published {
    /// Twice the running greenlet's id and two, with the [mark](SEEN) of who has seen it; or 0 if nothing is known, or
    /// nobody is to care.
    running: AtomicU64,
    /// Whether the thread is over.
    over: AtomicBool,
    pub(super) probe: Probe,
}

impl Published {
    /// Says that a greenlet runs from now on.
    ///
    /// What was stored before is there for a signal handler that finds this number.
    #[inline(always)]
    pub(crate) fn switched_to(&self, id: u64) {
        self.running.store((id + 1) << 1, Release);
    }

    fn ignore(&self) {
        self.running.store(0, Relaxed);
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Relaxed);
        self.ignore();
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// The running greenlet's id, if it is known.
    pub(super) fn running(&self) -> Option<u64> {
        (self.running.load(Acquire) >> 1).checked_sub(1)
    }
}

/// Looks at one thread's greenlets, from any thread. It does not keep the thread alive.
///
/// ```
/// use std::{sync::mpsc, thread};
/// use greenlet_core::{RawGreenlet, ThreadWatch, Value};
///
/// let watch = ThreadWatch::here();
/// RawGreenlet::new(|_| Ok(Value::None)).switch(())?;
/// // The main greenlet runs again, and has not been seen before.
/// let seen = thread::spawn(move || [watch.look(), watch.look()]).join().expect("it does not panic");
/// let [first, second] = seen.map(|running| running.expect("something has switched"));
/// assert_eq!((first.id, first.unchanged), (0, false));
/// assert_eq!((second.id, second.unchanged), (0, true));
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
#[derive(Clone)]
pub struct ThreadWatch(Arc<Published>);

/// The greenlet that runs on a watched thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Running {
    /// The greenlet's [id](crate::RawGreenlet::id).
    pub id: u64,
    /// Whether nothing has switched on the thread since the last [look](ThreadWatch::look).
    pub unchanged: bool,
}

impl ThreadWatch {
    /// A watch of the calling thread. Nothing is [known](ThreadWatch::look) before the next switch.
    ///
    /// In the child of a fork, this has to be called again, because the thread has another number there.
    pub fn here() -> ThreadWatch {
        Thread::with(|thread| {
            let published = thread.published.clone();
            published.probe.begin();
            published.ignore();
            ThreadWatch(published)
        })
    }

    /// The greenlet that runs; `None` if nothing has switched since the watch began or somebody has [asked to look
    /// away](ignore_running), or if the thread is over.
    ///
    /// All watches of a thread have one mark together, so only one of them should look.
    pub fn look(&self) -> Option<Running> {
        let running = &self.0.running;
        let seen = running.load(Relaxed);
        let unchanged = seen & SEEN != 0;
        if !unchanged && seen != 0 {
            // If this fails, something has just switched: then the greenlet that is returned did run just now, and the
            // next look finds a number without a mark.
            let _ = running.compare_exchange(seen, seen | SEEN, Relaxed, Relaxed);
        }
        let id = (seen >> 1).checked_sub(1)?;
        Some(Running { id, unchanged })
    }

    /// Whether the thread is over: no greenlet of it runs any more.
    pub fn is_over(&self) -> bool {
        self.0.is_over()
    }

    /// Asks the thread where it is, by sending it the `signal`, and waits at most for the time `limit` for its answer.
    ///
    /// A signal ends some system calls with `EINTR` (`epoll_wait`, `nanosleep`, `poll`), even though the handler is
    /// installed with `SA_RESTART`. So this is for threads that do not do what they should.
    ///
    /// # Errors
    /// The [`SnapshotError`]s.
    pub fn snapshot(&self, signal: WatchSignal, limit: Duration) -> Result<Snapshot, SnapshotError> {
        self.0.probe.take(&self.0, signal, limit)
    }
}

impl fmt::Debug for ThreadWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("ThreadWatch");
        all.field("running", &self.0.running()).finish_non_exhaustive()
    }
}

/// Has watches of this thread look away until the next switch: the running greenlet may take as long as it likes.
///
/// Source: `ignore_current_greenlet_blocking` in gevent's `_monitor.py`.
pub fn ignore_running() {
    // SAFETY: the state outlives the thread's own code, as in `Thread::with`.
    if let Some(thread) = unsafe { Thread::peek().as_ref() } {
        thread.published.ignore();
    }
}

/// Undoes [`ignore_running`].
///
/// Source: `monitor_current_greenlet_blocking` in gevent's `_monitor.py`.
pub fn watch_running() {
    // SAFETY: as above; the running greenlet is never freed.
    unsafe {
        if let Some(thread) = Thread::peek().as_ref()
            && let Some(current) = thread.current().as_ref()
        {
            thread.published.switched_to(current.id);
        }
    }
}
