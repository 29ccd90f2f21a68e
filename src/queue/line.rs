//! Greenlets that stand in line, and how they wait. Source: `getters` and `putters` of gevent's queues.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;

use greenlet_core::Exception;
use hub::exceptions::InvalidSeconds;
use hub::{Context, Hub, Row, Seconds, Ticketed, TimeLimit};
use waiter::{Park, Resume};

/// A timeout that may be none, but neither negative nor not a number.
pub(crate) fn checked_timeout(timeout: impl Seconds) -> Result<Option<f64>, InvalidSeconds> {
    match timeout.checked()? {
        Some(seconds) if seconds < 0.0 => Err(InvalidSeconds(seconds)),
        timeout => Ok(timeout),
    }
}

/// Parks the current greenlet until it is woken, or `timeout` seconds are over. It does not tell which of the two
/// happened: whoever wakes the greenlet takes a note of that.
// Inlined, as everything around a switch: see `Hub::switch`.
#[track_caller]
#[inline(always)]
pub(crate) fn wait(
    park: &Park,
    hub: &Hub,
    timeout: Option<f64>,
    waiting_on: &dyn Debug,
) -> Result<(), Exception> {
    let limit = TimeLimit::start(hub, park, timeout)?;
    let got = park.wait(hub, waiting_on);
    drop(limit);
    got
}

/// Reports what came of waking a greenlet; says whether it was woken at all.
#[cold]
#[inline(never)]
fn failed(hub: &Hub, resume: &Resume, exception: Exception) -> bool {
    let refused = resume.is_parked();
    hub.report_error(Context::Switch(resume.greenlet()), exception);
    !refused
}

/// Something a greenlet leaves in line while it waits.
pub(super) trait HasResume: Ticketed {
    fn resume(&self) -> &Resume;
}

impl HasResume for Resume {
    #[inline]
    fn resume(&self) -> &Resume {
        self
    }
}

/// With what it brings.
impl<T> HasResume for (Resume, T) {
    #[inline]
    fn resume(&self) -> &Resume {
        &self.0
    }
}

/// A line of greenlets: first come, first served.
pub(super) struct QueueLine<W> {
    waiting: RefCell<Row<W>>,
    /// True while the greenlet is switched to that was taken from the line: how it sees that it is
    /// its turn, and not somebody else who woke it.
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

    /// Stands in line until the result is dropped, or it is its turn.
    #[inline]
    pub(super) fn stand<'a>(&'a self, park: &'a Park, ticket: W) -> InLine<'a, W> {
        self.waiting.borrow_mut().push(ticket);
        InLine { line: self, park }
    }

    /// Takes the first who still waits.
    #[inline]
    pub(super) fn pop(&self) -> Option<W> {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.front()?.resume().is_parked() {
            return waiting.pop();
        }
        // Those that are woken otherwise leave by themselves.
        first_parked(&mut waiting)
    }

    /// Puts back whom [`pop`](QueueLine::pop) has taken.
    pub(super) fn unpop(&self, ticket: W) {
        self.waiting.borrow_mut().push_front(ticket);
    }

    /// Switches to a greenlet that was taken from the line: it is its turn. Runs in the hub. Says whether that was
    /// possible: if not, the greenlet is as before, and to be put back.
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

    /// Wakes all who wait, soon; they remain in line until they run, and then it is not their turn.
    pub(super) fn dismiss(&self, hub: &Hub) {
        for waiting in self.waiting.borrow().iter() {
            // Fails only if the loop is destroyed, and then nobody waits any more.
            let _ = hub.loop_().run_callback_resume(waiting.resume().clone());
        }
    }

    fn leave(&self, park: &Park) -> Option<W> {
        let mut waiting = self.waiting.borrow_mut();
        let ticket = park.ticket();
        waiting.remove(ticket, |w| w.resume().ticket() == ticket)
    }
}

/// A place in line, left when this is dropped: also when the greenlet is unwound.
pub(super) struct InLine<'a, W: HasResume> {
    line: &'a QueueLine<W>,
    park: &'a Park,
}

impl<W: HasResume> InLine<'_, W> {
    /// Asked by the greenlet when it runs again: whether it is its turn.
    #[inline]
    pub(super) fn take_turn(self) -> Result<(), Self> {
        if self.line.turn.take() {
            // It was taken from the line.
            std::mem::forget(self);
            return Ok(());
        }
        Err(self)
    }

    /// Leaves the line, with what was left there; none if that was taken.
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
