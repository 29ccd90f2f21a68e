//! [`LockLine`]: the line of greenlets that [`Condition`] and [`Barrier`] have in common. A
//! notification wakes a given number of them.
//!
//! [`Condition`]: super::Condition
//! [`Barrier`]: super::Barrier

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::time::Instant;

use greenlet_core::Exception;

use crate::abstract_linkable::{AbstractLinkable, Waitable};

/// A line of waiting greenlets. If a notified greenlet is killed before it runs, or its time is
/// over, its notification goes to the next one.
pub(super) struct LockLine<W: Whose>(AbstractLinkable<Notified<W>>);

/// The type of lock that a line belongs to.
pub(super) trait Whose: 'static {
    const KIND: &'static str;
}

struct Notified<W> {
    /// How many greenlets of the line are still to be woken; never more than there are.
    due: Cell<usize>,
    /// How many notifications there were, by which a greenlet sees that one came.
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

    /// Waits for a notification, at most `timeout` seconds. Returns whether one came.
    #[track_caller]
    pub(super) fn wait(&self, timeout: Option<f64>) -> Result<bool, Exception> {
        let (left, times) = (Left(self), self.0.state().times.get());
        // A hook, which may wait, is called before the greenlet joins the line. A notification that
        // comes meanwhile finds no greenlet in the line, but counts for this one.
        let early = Cell::new(false);
        let notified = self.0.wait_for_next(timeout, |state| {
            early.set(state.times.get() != times);
            early.get()
        })?;
        if notified && !early.get() {
            // `due` may be 0 already: if a tracer waits while this greenlet is switched to, others
            // that leave the line lower `due` to the number of those in it.
            self.0.state().due.update(|due| due.saturating_sub(1));
        }
        drop(left);
        Ok(notified)
    }

    /// Wakes the first `n` greenlets that wait and were not notified before.
    pub(super) fn notify(&self, n: usize) {
        let state = self.0.state();
        let due = state.due.get().saturating_add(n);
        state.due.set(due.min(self.waiting()));
        state.times.update(|times| times + 1);
        self.0.check_and_notify();
    }

    /// How many greenlets wait.
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

/// Marks a greenlet that waits. When it is dropped, the greenlet has left the line, and `due` is
/// lowered to the number of those that are left.
struct Left<'a, W: Whose>(&'a LockLine<W>);

impl<W: Whose> Drop for Left<'_, W> {
    fn drop(&mut self) {
        let waiting = self.0.waiting();
        self.0.0.state().due.update(|due| due.min(waiting));
    }
}

/// The time at which a wait ends that may consist of several waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<(Instant, f64)>);

impl Deadline {
    pub(crate) fn after(seconds: Option<f64>) -> Deadline {
        Deadline(seconds.map(|seconds| (Instant::now(), seconds)))
    }

    /// The deadline that comes first.
    pub(crate) fn or_earlier(self, other: Deadline) -> Deadline {
        match (self.left(), other.left()) {
            (None, _) => other,
            (Some(mine), Some(its)) if its < mine => other,
            _ => self,
        }
    }

    /// How many seconds are left; `None` means no limit.
    pub(crate) fn left(self) -> Option<f64> {
        let (begin, seconds) = self.0?;
        Some(seconds - begin.elapsed().as_secs_f64())
    }
}
