//! [`QueueLine`]: the greenlets that wait at one end of a queue. Source: `getters` and `putters` of gevent's queues.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;

use greenlet_core::Exception;
use hub::exceptions::InvalidSeconds;
use hub::{Context, Hub, Row, Seconds, TimeLimit};
use waiter::{Park, Resume};

use super::standing::Stands;

/// Returns the timeout in seconds, which may be `None`. A negative one and NaN are errors.
pub(crate) fn checked_timeout(timeout: impl Seconds) -> Result<Option<f64>, InvalidSeconds> {
    match timeout.checked()? {
        Some(seconds) if seconds < 0.0 => Err(InvalidSeconds(seconds)),
        timeout => Ok(timeout),
    }
}

/// Parks the current greenlet until it is woken or `timeout` seconds are over. The result does not tell which of the
/// two has happened; code that wakes the greenlet takes a note of it elsewhere.
// Inlined, as everything around a switch: see `Hub::switch`.
#[track_caller]
#[inline(always)]
pub(crate) fn wait(park: &Park, hub: &Hub, timeout: Option<f64>, waiting_on: &dyn Debug) -> Result<(), Exception> {
    let limit = TimeLimit::start(hub, park, timeout)?;
    let got = park.wait(hub, waiting_on);
    drop(limit);
    got
}

/// Reports the error of a switch to a waiting greenlet. Returns whether the greenlet was woken nevertheless.
#[cold]
#[inline(never)]
fn failed(hub: &Hub, resume: &Resume, exception: Exception) -> bool {
    let refused = resume.is_parked();
    hub.report_error(Context::Switch(resume.greenlet()), exception);
    !refused
}

/// The entry of a greenlet that brings an item.
impl<T> Stands for (Resume, T) {
    #[inline]
    fn is_waiting(&self) -> bool {
        self.0.is_parked()
    }

    fn dismiss(&self, hub: &Hub) {
        self.0.dismiss(hub);
    }
}

/// A line of greenlets and futures: first come, first served.
pub(super) struct QueueLine<W> {
    waiting: RefCell<Row<W>>,
    /// Set while a greenlet that was taken from the line is being switched to. It tells that greenlet that its turn has
    /// come, and that it was not woken otherwise.
    turn: Cell<bool>,
}

impl<W> Default for QueueLine<W> {
    fn default() -> Self {
        QueueLine {
            waiting: RefCell::default(),
            turn: Cell::new(false),
        }
    }
}

#[cold]
fn first_waiting<W: Stands>(waiting: &mut Row<W>) -> Option<W> {
    waiting.take_first(W::is_waiting)
}

impl<W: Stands> QueueLine<W> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// Puts an entry of the current greenlet in line. The entry stays until the result is dropped or the entry is
    /// [taken](QueueLine::pop).
    #[inline]
    pub(super) fn stand<'a>(&'a self, park: &'a Park, ticket: W) -> InLine<'a, W> {
        self.waiting.borrow_mut().push(ticket);
        InLine { line: self, park }
    }

    /// Puts an entry in line that stays until it is taken or [leaves](QueueLine::leave_as).
    pub(super) fn stand_as(&self, entry: W) {
        self.waiting.borrow_mut().push(entry);
    }

    /// Takes the entry with the same ticket out of the line.
    pub(super) fn leave_as(&self, entry: &W) {
        let left = self.waiting.borrow_mut().remove(entry.ticket(), |_| true);
        drop(left);
    }

    /// Takes the first that still waits out of the line.
    #[inline]
    pub(super) fn pop(&self) -> Option<W> {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.front()?.is_waiting() {
            return waiting.pop();
        }
        // Greenlets that were woken otherwise leave the line by themselves.
        first_waiting(&mut waiting)
    }

    /// Puts back an entry that [`pop`](QueueLine::pop) has taken.
    pub(super) fn unpop(&self, ticket: W) {
        self.waiting.borrow_mut().push_front(ticket);
    }

    /// Switches to a greenlet that was taken from the line, whose turn it is. Returns whether that was possible; if
    /// not, the greenlet still waits and is to be put back. Runs in the hub.
    #[inline(always)]
    #[must_use]
    pub(super) fn wake(&self, hub: &Hub, resume: &Resume) -> bool {
        self.turn.set(true);
        let switched = resume.switch();
        self.turn.set(false);
        match switched {
            Ok(()) => true,
            Err(exception) => failed(hub, resume, exception),
        }
    }

    /// Wakes all that wait soon, without giving them a turn. They remain in line until they run.
    pub(super) fn dismiss(&self, hub: &Hub)
    where
        W: Clone,
    {
        // The wakers of futures may be user code: nothing is borrowed then.
        let all: Vec<_> = self.waiting.borrow().iter().cloned().collect();
        all.iter().for_each(|waiting| waiting.dismiss(hub));
    }

    fn leave(&self, park: &Park) -> Option<W> {
        let mut waiting = self.waiting.borrow_mut();
        let ticket = park.ticket();
        waiting.remove(ticket, |_| true)
    }
}

/// A greenlet's place in a line. Its drop leaves the line, also when the greenlet is unwound.
pub(super) struct InLine<'a, W: Stands> {
    line: &'a QueueLine<W>,
    park: &'a Park,
}

impl<W: Stands> InLine<'_, W> {
    /// Uses the turn of the current greenlet, which runs again. Returns the place if it was woken otherwise.
    #[inline]
    pub(super) fn take_turn(self) -> Result<(), Self> {
        if self.line.turn.take() {
            // The entry was taken from the line.
            std::mem::forget(self);
            return Ok(());
        }
        Err(self)
    }

    /// Leaves the line and returns the entry; `None` if it was taken.
    pub(super) fn leave(self) -> Option<W> {
        let ticket = self.line.leave(self.park);
        std::mem::forget(self);
        ticket
    }
}

impl<W: Stands> Drop for InLine<'_, W> {
    fn drop(&mut self) {
        let ticket = self.line.leave(self.park);
        drop(ticket);
    }
}
