//! Threads in a line: the one mechanism of all waits.
//!
//! What is waited for is in a [`Monitor`], beside the [`Line`] of those who wait for it. A thread looks, with the
//! monitor's lock; if it has to wait, it [joins](Line::join) the line, and [parks](Monitor::wait). Another thread
//! changes the state, [calls](Line::call_first) somebody, who leaves the line by that, and wakes him once the lock is
//! free. So whether a thread was called, or has stopped to wait for another reason, is known under the lock, and never
//! both. One that was called and will never use it, as an exception was thrown into it, or as its carrier has ended and
//! left it behind, gives up: the next one is called.
//!
//! The lock is [one of our own](crate::locks): it is held for a few instructions, never over a park, and never while
//! code of users runs.

use std::cell::Cell;
use std::collections::VecDeque;
use std::mem;
use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use greenlet_core::unwind::Caught;

use crate::here::{is_quiet, is_unwound, unwind_on};
use crate::locks::lock;
use crate::thread::Thread;

/// A state that threads wait for, and their line.
pub(super) struct Monitor<S>(Mutex<S>);

/// The lock of a monitor.
pub(super) type Entered<'a, S> = MutexGuard<'a, S>;

impl<S> Monitor<S> {
    pub(super) const fn new(state: S) -> Monitor<S> {
        Monitor(Mutex::new(state))
    }

    pub(super) fn enter(&self) -> Entered<'_, S> {
        lock(&self.0)
    }

    /// Leaves the monitor and [parks](Monitor::park).
    pub(super) fn wait<'a, M>(
        &'a self,
        entered: Entered<'a, S>,
        waiter: &Waiter,
        line: fn(&mut S) -> &mut Line<M>,
        deadline: Option<Instant>,
        gives_up: impl Fn(&mut S, bool) -> Called,
    ) -> Result<(Entered<'a, S>, bool), Thrown> {
        drop(entered);
        self.park(waiter, line, deadline, gives_up)
    }

    /// Waits until the waiter is called, or the time is over, and returns whether it was called. Afterwards the waiter
    /// is in the line no more.
    ///
    /// If it will never use what it was called for, it gives up: `gives_up` is told whether it was called, and calls
    /// the next one. That is so if something is thrown into it, and if its carrier ends and leaves it behind.
    ///
    /// # Errors
    /// What was thrown into the caller, after it has given up.
    pub(super) fn park<M>(
        &self,
        waiter: &Waiter,
        line: fn(&mut S) -> &mut Line<M>,
        deadline: Option<Instant>,
        gives_up: impl Fn(&mut S, bool) -> Called,
    ) -> Result<(Entered<'_, S>, bool), Thrown> {
        let leave = |entered: &mut S| {
            let called = !line(entered).has(waiter);
            line(entered).leave(waiter);
            called
        };
        let give_up = || {
            let mut entered = self.enter();
            let called = leave(&mut entered);
            let next = gives_up(&mut entered, called);
            drop(entered);
            next.wake();
        };
        if !is_quiet() && is_unwound() {
            // It may never come back from a park, and must not be in the line then.
            give_up();
            return Err(Thrown::Again);
        }
        loop {
            let limit = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let is_over = limit == Some(Duration::ZERO);
            if !is_over && let Some(caught) = waiter.thread.park_for_sure(limit, &give_up) {
                give_up();
                return Err(Thrown::Caught(caught));
            }
            let mut entered = self.enter();
            if is_over || !line(&mut entered).has(waiter) {
                let called = leave(&mut entered);
                return Ok((entered, called));
            }
        }
    }
}

/// For [`Monitor::park`], where nobody else wants what the waiter was called for.
pub(super) fn calls_nobody<S>(_: &mut S, _: bool) -> Called {
    Called::default()
}

/// What is to be raised by a waiter.
pub(super) enum Thrown {
    Caught(Caught),
    /// The unwinding of its greenlet, which it has caught before.
    Again,
}

/// Raises what was thrown into a waiter, which has left all in order.
pub(super) fn raise(thrown: Thrown) -> ! {
    match thrown {
        Thrown::Caught(Caught::Panic(exception)) => resume_unwind(Box::new(exception)),
        Thrown::Caught(Caught::Forced(unwinding)) => unwinding.resume(),
        Thrown::Again => unwind_on(),
    }
}

/// The deadline after some time from now. None if that is too far away to come.
pub(super) fn after(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

/// Those who wait, each with a mark. Their numbers ascend.
pub(super) struct Line<M = ()> {
    waiting: VecDeque<Place<M>>,
    last: u64,
}

struct Place<M> {
    number: u64,
    thread: Thread,
    mark: M,
}

impl<M> Line<M> {
    pub(super) const fn new() -> Line<M> {
        Line {
            waiting: VecDeque::new(),
            last: 0,
        }
    }

    /// Gets in line, at the end.
    pub(super) fn join(&mut self, mark: M) -> Waiter {
        self.last += 1;
        let waiter = Waiter {
            number: self.last,
            thread: parker(),
        };
        self.insert(self.waiting.len(), &waiter, mark);
        waiter
    }

    /// Gets in line again, where the waiter was before.
    pub(super) fn rejoin(&mut self, waiter: &Waiter, mark: M) {
        if let Err(index) = self.find(waiter) {
            self.insert(index, waiter, mark);
        }
    }

    fn insert(&mut self, index: usize, waiter: &Waiter, mark: M) {
        let place = Place {
            number: waiter.number,
            thread: waiter.thread.clone(),
            mark,
        };
        self.waiting.insert(index, place);
    }

    fn find(&self, waiter: &Waiter) -> Result<usize, usize> {
        self.waiting.binary_search_by_key(&waiter.number, |place| place.number)
    }

    fn leave(&mut self, waiter: &Waiter) {
        if let Ok(index) = self.find(waiter) {
            self.waiting.remove(index);
        }
    }

    /// Whether the waiter is in the line: it was not called.
    pub(super) fn has(&self, waiter: &Waiter) -> bool {
        self.find(waiter).is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The number and the mark of the first one.
    pub(super) fn first(&self) -> Option<(u64, &M)> {
        self.waiting.front().map(|place| (place.number, &place.mark))
    }

    /// Calls the first one, if somebody waits.
    pub(super) fn call_first(&mut self) -> Called {
        Called {
            one: self.waiting.pop_front().map(|place| place.thread),
            more: Vec::new(),
        }
    }

    /// Calls the one that has this number, if he waits.
    pub(super) fn call(&mut self, number: u64) -> Called {
        let index = self.waiting.binary_search_by_key(&number, |place| place.number);
        let place = index.ok().and_then(|index| self.waiting.remove(index));
        Called {
            one: place.map(|place| place.thread),
            more: Vec::new(),
        }
    }

    /// Calls everybody.
    pub(super) fn call_all(&mut self) -> Called {
        let all = mem::take(&mut self.waiting);
        Called {
            one: None,
            more: all.into_iter().map(|place| place.thread).collect(),
        }
    }
}

/// Threads that were called, to be woken when the monitor's lock is free.
#[must_use = "they sleep until they are woken"]
#[derive(Default)]
pub(super) struct Called {
    one: Option<Thread>,
    more: Vec<Thread>,
}

impl Called {
    /// Adds another one's.
    pub(super) fn and(&mut self, other: Called) {
        match self.one {
            None => self.one = other.one,
            Some(_) => self.more.extend(other.one),
        }
        self.more.extend(other.more);
    }

    pub(super) fn wake(self) {
        self.one.iter().chain(&self.more).for_each(Thread::unpark);
    }
}

/// A thread's own side of its place in a line.
pub(super) struct Waiter {
    number: u64,
    /// A handle of its own for this wait, so that the token of the thread's handle is left alone.
    thread: Thread,
}

impl Waiter {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

thread_local! {
    /// The handle that the last wait has used, for the next one. An unpark that comes late wakes that for nothing, and
    /// it looks and waits on.
    static SPARE: Cell<Option<Thread>> = const { Cell::new(None) };
}

fn parker() -> Thread {
    let spare = SPARE.try_with(Cell::take).ok().flatten();
    spare.unwrap_or_else(|| Thread::new(None))
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let old = SPARE.try_with(|spare| spare.replace(Some(self.thread.clone())));
        drop(old);
    }
}
