//! [`LockLine`]: greenlets that wait until so many of them are told to go on; what [`Condition`] and
//! [`Barrier`] have in common.
//!
//! [`Condition`]: super::Condition
//! [`Barrier`]: super::Barrier

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::time::Instant;

use greenlet_core::Exception;

use crate::abstract_linkable::{AbstractLinkable, Waitable};

/// A line of waiting greenlets. A notification that was meant for a greenlet which is killed, or
/// whose time is over, before it runs goes to the next one.
pub(super) struct LockLine<W: Whose>(AbstractLinkable<Notified<W>>);

/// Whose line it is.
pub(super) trait Whose: 'static {
    const KIND: &'static str;
}

struct Notified<W> {
    /// How many of those in the line are to be woken; never more than there are.
    due: Cell<usize>,
    /// How often somebody was to be.
    times: Cell<u64>,
    whose: PhantomData<W>,
}

impl<W: Whose> Waitable for Notified<W> {
    const KIND: &'static str = W::KIND;
    const NOTIFY_ALL: bool = false;

    fn ready(&self) -> bool {
        self.due.get() > 0
    }
}

impl<W> fmt::Debug for Notified<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "notified={}", self.due.get())
    }
}

impl<W: Whose> LockLine<W> {
    pub(super) fn new() -> Self {
        LockLine(AbstractLinkable::new(Notified {
            due: Cell::new(0),
            times: Cell::new(0),
            whose: PhantomData,
        }))
    }

    /// Waits for a notification, at most `timeout` seconds; says whether one came.
    #[track_caller]
    pub(super) fn wait(&self, timeout: Option<f64>) -> Result<bool, Exception> {
        let (left, times) = (Left(self), self.0.state().times.get());
        // The hook that is called first may wait itself. What comes meanwhile finds nobody in the line, but is for this
        // one, too.
        let early = Cell::new(false);
        let notified = self.0.wait_for_next(timeout, |state| {
            early.set(state.times.get() != times);
            early.get()
        })?;
        if notified && !early.get() {
            // While this greenlet was on its way (a tracer may wait), others that left may have taken its notification
            // for nobody's.
            self.0.state().due.update(|due| due.saturating_sub(1));
        }
        drop(left);
        Ok(notified)
    }

    /// Wakes the first `n` of those who wait and were not notified before.
    pub(super) fn notify(&self, n: usize) {
        let state = self.0.state();
        let due = state.due.get().saturating_add(n);
        state.due.set(due.min(self.waiting()));
        state.times.update(|times| times + 1);
        self.0.check_and_notify();
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.0.linkcount()
    }

    pub(super) fn address(&self) -> usize {
        self.0.address()
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        self.0.same(&other.0)
    }
}

impl<W: Whose> Clone for LockLine<W> {
    fn clone(&self) -> Self {
        LockLine(self.0.clone())
    }
}

/// A greenlet has left the line: the notifications of the last ones are nobody's any more.
struct Left<'a, W: Whose>(&'a LockLine<W>);

impl<W: Whose> Drop for Left<'_, W> {
    fn drop(&mut self) {
        let waiting = self.0.waiting();
        self.0.0.state().due.update(|due| due.min(waiting));
    }
}

/// When a wait that may take several turns is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<(Instant, f64)>);

impl Deadline {
    pub(crate) fn after(seconds: Option<f64>) -> Deadline {
        Deadline(seconds.map(|seconds| (Instant::now(), seconds)))
    }

    /// How many seconds are left; `None` is no limit.
    pub(crate) fn left(self) -> Option<f64> {
        let (begin, seconds) = self.0?;
        Some(seconds - begin.elapsed().as_secs_f64())
    }
}
