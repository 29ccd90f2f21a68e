//! [`Line`]: who waits for an object, first in, first out; [`Permits`]: a counter with a line.

use std::collections::VecDeque;
use std::sync::Arc;

use greenlet_core::Exception;
use parking_lot::Mutex;

use super::waiter::Waiter;

/// Who waits. A part of what the object's mutex guards.
#[derive(Debug, Default)]
pub(super) struct Line(VecDeque<Arc<Waiter>>);

/// Who is to be woken once the object's mutex is free.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Woken(VecDeque<Arc<Waiter>>);

impl Woken {
    pub(super) fn wake(self) {
        for waiter in self.0 {
            waiter.wake();
        }
    }
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes out all who wait, granting each of them.
    pub(super) fn grant_all(&mut self) -> Woken {
        for waiter in &self.0 {
            waiter.grant();
        }
        Woken(std::mem::take(&mut self.0))
    }

    fn remove(&mut self, waiter: &Arc<Waiter>) {
        if let Some(place) = self.0.iter().position(|other| Arc::ptr_eq(other, waiter)) {
            self.0.remove(place);
        }
    }
}

/// A counter, and who waits for it to be more than 0: nobody, when it is.
#[derive(Debug)]
pub(super) struct Permits {
    pub(super) counter: usize,
    pub(super) line: Line,
}

impl Permits {
    pub(super) fn new(counter: usize) -> Permits {
        Permits {
            counter,
            line: Line::default(),
        }
    }

    pub(super) fn try_take(&mut self) -> bool {
        let taken = self.counter > 0;
        if taken {
            self.counter -= 1;
        }
        taken
    }

    /// Gives one permit to the first in line, or adds it to the counter.
    pub(super) fn give(&mut self) -> Option<Arc<Waiter>> {
        let first = self.line.0.pop_front();
        match &first {
            Some(waiter) => waiter.grant(),
            None => {
                self.counter =
                    (self.counter.checked_add(1)).expect("a semaphore cannot be released so often");
            }
        }
        first
    }
}

/// An object with lines in it.
pub(super) trait Lined: Sized {
    /// Its name, for lists of waiting greenlets.
    const KIND: &'static str;
    /// Which of its lines.
    type Which: Copy;

    fn line(&mut self, which: Self::Which) -> &mut Line;

    /// What was granted to a waiter cannot be used by it: passes it on.
    fn give_back(&mut self, which: Self::Which) -> Option<Arc<Waiter>>;
}

/// Waits in a line unless `enter` says that there is no need to, at most `timeout` seconds.
/// Returns whether it was granted what it waited for.
#[track_caller]
pub(super) fn wait<S: Lined>(
    object: &Mutex<S>,
    which: S::Which,
    enter: impl FnOnce(&mut S) -> bool,
    timeout: Option<f64>,
) -> Result<bool, Exception> {
    let mut state = object.lock();
    if enter(&mut state) {
        return Ok(true);
    }
    let waiter = Waiter::new();
    state.line(which).0.push_back(waiter.clone());
    drop(state);
    let mut waiting = Waiting {
        object,
        which,
        waiter: &waiter,
        keep: false,
    };
    waiter.park(S::KIND, (&raw const *object).addr(), timeout)?;
    waiting.keep = true;
    drop(waiting);
    // Nobody grants any more: the waiter is in no line.
    Ok(waiter.granted())
}

/// Leaves the line when the wait is over, also when the waiting greenlet is unwound; what was
/// granted just before goes to the next one then.
struct Waiting<'a, S: Lined> {
    object: &'a Mutex<S>,
    which: S::Which,
    waiter: &'a Arc<Waiter>,
    /// Whether what was granted is to be kept.
    keep: bool,
}

impl<S: Lined> Drop for Waiting<'_, S> {
    fn drop(&mut self) {
        let mut state = self.object.lock();
        let next = match (self.waiter.granted(), self.keep) {
            (true, true) => None,
            (true, false) => state.give_back(self.which),
            (false, _) => {
                state.line(self.which).remove(self.waiter);
                None
            }
        };
        drop(state);
        if let Some(next) = next {
            next.wake();
        }
    }
}
