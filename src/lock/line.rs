//! [`Line`]: greenlets that wait until so many of them are told to go on; what [`Condition`] and
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
pub(super) struct Line<W: Whose>(AbstractLinkable<Notified<W>>);

/// Whose line it is.
pub(super) trait Whose: 'static {
    const KIND: &'static str;
}

/// How many of those in the line are to be woken; never more than there are.
struct Notified<W>(Cell<usize>, PhantomData<W>);

impl<W: Whose> Waitable for Notified<W> {
    const KIND: &'static str = W::KIND;
    const NOTIFY_ALL: bool = false;

    fn ready(&self) -> bool {
        self.0.get() > 0
    }
}

impl<W> fmt::Debug for Notified<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "notified={}", self.0.get())
    }
}

impl<W: Whose> Line<W> {
    pub(super) fn new() -> Self {
        Line(AbstractLinkable::new(Notified(Cell::new(0), PhantomData)))
    }

    /// Waits for a notification, at most `timeout` seconds; says whether one came.
    #[track_caller]
    pub(super) fn wait(&self, timeout: Option<f64>) -> Result<bool, Exception> {
        let left = Left(self);
        let notified = self.0.wait_for_next(timeout)?;
        if notified {
            self.0.state().0.update(|notified| notified - 1);
        }
        drop(left);
        Ok(notified)
    }

    /// Wakes the first `n` of those who wait and were not notified before.
    pub(super) fn notify(&self, n: usize) {
        let notified = self.0.state().0.get().saturating_add(n);
        self.0.state().0.set(notified.min(self.waiting()));
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

impl<W: Whose> Clone for Line<W> {
    fn clone(&self) -> Self {
        Line(self.0.clone())
    }
}

/// A greenlet has left the line: the notifications of the last ones are nobody's any more.
struct Left<'a, W: Whose>(&'a Line<W>);

impl<W: Whose> Drop for Left<'_, W> {
    fn drop(&mut self) {
        let waiting = self.0.waiting();
        self.0.0.state().0.update(|notified| notified.min(waiting));
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
