//! [`QueueLine`]: the greenlets that wait at one end of a queue. Source: `getters` and `putters` of gevent's queues.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;

use greenlet_core::Exception;
use hub::exceptions::InvalidSeconds;
use hub::{Context, Hub, Row, Seconds, Ticketed, TimeLimit};
use waiter::{Park, Resume};

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

/// An entry that a greenlet has in a line while it waits.
pub(super) trait HasResume: Ticketed {
    fn resume(&self) -> &Resume;
}

impl HasResume for Resume {
    #[inline]
    fn resume(&self) -> &Resume {
        self
    }
}

/// The entry of a greenlet that brings an item.
impl<T> HasResume for (Resume, T) {
    #[inline]
    fn resume(&self) -> &Resume {
        &self.0
    }
}

/// A line of greenlets: first come, first served.
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
fn first_parked<W: HasResume>(waiting: &mut Row<W>) -> Option<W> {
    waiting.take_first(|w| w.resume().is_parked())
}

impl<W: HasResume> QueueLine<W> {
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

    /// Takes the first greenlet that is still parked out of the line.
    #[inline]
    pub(super) fn pop(&self) -> Option<W> {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.front()?.resume().is_parked() {
            return waiting.pop();
        }
        // Greenlets that were woken otherwise leave the line by themselves.
        first_parked(&mut waiting)
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

    /// Wakes all waiting greenlets soon, without giving them a turn. They remain in line until they run.
    pub(super) fn dismiss(&self, hub: &Hub) {
        for waiting in self.waiting.borrow().iter() {
            // This fails only if the loop is destroyed; no greenlet waits then.
            let _ = hub.loop_().run_callback_resume(waiting.resume().clone());
        }
    }

    fn leave(&self, park: &Park) -> Option<W> {
        let mut waiting = self.waiting.borrow_mut();
        let ticket = park.ticket();
        waiting.remove(ticket, |w| w.resume().ticket() == ticket)
    }
}

/// A greenlet's place in a line. Its drop leaves the line, also when the greenlet is unwound.
pub(super) struct InLine<'a, W: HasResume> {
    line: &'a QueueLine<W>,
    park: &'a Park,
}

impl<W: HasResume> InLine<'_, W> {
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

impl<W: HasResume> Drop for InLine<'_, W> {
    fn drop(&mut self) {
        let ticket = self.line.leave(self.park);
        drop(ticket);
    }
}
