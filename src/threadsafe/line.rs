//! [`ThreadsafeLine`]: the waiters of an object, first in, first out. [`Permits`]: a counter with a line.

use std::sync::Arc;
use std::task::Context;

use greenlet_core::Exception;
use hub::core::HubDestroyed;
use hub::{Link, LinkKind, Row, Ticketed};
use parking_lot::Mutex;

use super::waiter::{self, LinkedObject, ThreadsafeWaiter};

/// The waiters of an object, in the order in which they came. It is in the object, guarded by the object's mutex.
#[derive(Debug, Default)]
pub(super) struct ThreadsafeLine {
    row: Row<LinePlace>,
    /// How many waiters have come so far, which is the last one's ticket.
    tickets: u64,
}

/// A place in a line: a waiter and its ticket. The ticket is here so that a search need not visit the waiters.
#[derive(Debug)]
struct LinePlace(Arc<ThreadsafeWaiter>, u64);

impl Ticketed for LinePlace {
    fn ticket(&self) -> u64 {
        self.1
    }
}

/// Waiters that are to be woken once the object's mutex is free, and that take nothing out of the object.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Told(Row<LinePlace>);

impl Told {
    pub(super) fn wake(mut self) {
        while let Some(LinePlace(waiter, _)) = self.0.pop() {
            // If a waiter cannot be woken any more, nothing has to be given back.
            waiter.wake(|| ());
        }
    }
}

impl ThreadsafeLine {
    pub(super) fn len(&self) -> usize {
        self.row.len()
    }

    fn push(&mut self, waiter: Arc<ThreadsafeWaiter>) {
        self.tickets += 1;
        waiter.set_ticket(self.tickets);
        self.row.push(LinePlace(waiter, self.tickets));
    }

    /// Takes all waiters out of the line and grants each of them what it waits for.
    pub(super) fn grant_all(&mut self) -> Told {
        for LinePlace(waiter, _) in self.row.iter() {
            waiter.grant();
        }
        Told(std::mem::take(&mut self.row))
    }

    fn remove(&mut self, waiter: &Arc<ThreadsafeWaiter>) {
        self.row
            .remove(waiter.ticket(), |LinePlace(other, _)| Arc::ptr_eq(other, waiter));
    }
}

/// A counter, and the waiters for it to be more than 0. While it is more than 0, the line is empty.
#[derive(Debug)]
pub(super) struct Permits {
    pub(super) counter: usize,
    pub(super) line: ThreadsafeLine,
}

/// The waiters to which a permit has come: those that only watch for one, and the one that takes it.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Given {
    told: Told,
    taker: Option<Arc<ThreadsafeWaiter>>,
}

impl Permits {
    pub(super) fn new(counter: usize) -> Permits {
        Permits {
            counter,
            line: ThreadsafeLine::default(),
        }
    }

    pub(super) fn try_take(&mut self) -> bool {
        let taken = self.counter > 0;
        if taken {
            self.counter -= 1;
        }
        taken
    }

    /// Gives one permit to the first waiter in line that takes it, or adds it to the counter. Waiters before that one,
    /// which only watch, are told.
    pub(super) fn give(&mut self) -> Given {
        let mut given = Given::default();
        while let Some(LinePlace(waiter, ticket)) = self.line.row.pop() {
            waiter.grant();
            if !waiter.watches() {
                given.taker = Some(waiter);
                return given;
            }
            given.told.0.push(LinePlace(waiter, ticket));
        }
        self.counter = (self.counter.checked_add(1)).expect("a semaphore cannot be released so often");
        given
    }
}

/// An object with lines in it.
pub(super) trait Lined: Sized + Send + 'static {
    /// The name of the object's type, for lists of waiting greenlets.
    const KIND: &'static str;
    /// A type that names one of the lines.
    type Which: Copy + Send + 'static;

    fn line(&mut self, which: Self::Which) -> &mut ThreadsafeLine;

    /// Passes on what was granted to a waiter that cannot use it.
    fn give_back(&mut self, which: Self::Which) -> Given;
}

/// Wakes the waiters to which a permit has come. If the one that has taken it cannot be woken, because its hub is gone,
/// the permit goes to the next one.
pub(super) fn hand<S: Lined>(object: &Arc<Mutex<S>>, which: S::Which, given: Given) {
    let mut given = given;
    loop {
        given.told.wake();
        let Some(taker) = given.taker else { return };
        let lost = {
            let (object, taker) = (Arc::downgrade(object), taker.clone());
            move || {
                if let Some(object) = object.upgrade() {
                    let given = take_back(&object, which, &taker);
                    hand(&object, which, given);
                }
            }
        };
        if taker.wake(lost) {
            return;
        }
        given = take_back(object, which, &taker);
    }
}

fn take_back<S: Lined>(object: &Arc<Mutex<S>>, which: S::Which, taker: &ThreadsafeWaiter) -> Given {
    let mut state = object.lock();
    match taker.revoke() {
        true => state.give_back(which),
        // The waiter has left the line meanwhile, and has given the permit back itself.
        false => Given::default(),
    }
}

/// Waits in a line for at most `timeout` seconds, or not at all if `enter` returns true. Returns whether `enter` did,
/// or the wait was granted.
#[track_caller]
pub(super) fn wait<S: Lined>(
    object: &Arc<Mutex<S>>,
    which: S::Which,
    enter: impl FnOnce(&mut S) -> bool,
    timeout: Option<f64>,
) -> Result<bool, Exception> {
    wait_as(object, which, false, enter, timeout)
}

/// Waits as [`wait`] does, but only watches: takes no permit.
#[track_caller]
pub(super) fn watch<S: Lined>(
    object: &Arc<Mutex<S>>,
    which: S::Which,
    enter: impl FnOnce(&mut S) -> bool,
    timeout: Option<f64>,
) -> Result<bool, Exception> {
    wait_as(object, which, true, enter, timeout)
}

#[track_caller]
fn wait_as<S: Lined>(
    object: &Arc<Mutex<S>>,
    which: S::Which,
    watches: bool,
    enter: impl FnOnce(&mut S) -> bool,
    timeout: Option<f64>,
) -> Result<bool, Exception> {
    let mut state = object.lock();
    if enter(&mut state) {
        return Ok(true);
    }
    let waiter = ThreadsafeWaiter::new(watches);
    state.line(which).push(waiter.clone());
    drop(state);
    let waiting = LeaveOnDrop {
        object,
        which,
        waiter: &waiter,
    };
    waiter.park(S::KIND, Arc::as_ptr(object).addr(), timeout)?;
    let granted = {
        let _state = object.lock();
        waiter.take()
    };
    if granted {
        // `grant` comes with the removal from the line, so there is nothing to leave.
        std::mem::forget(waiting);
        return Ok(true);
    }
    drop(waiting);
    if timeout.is_none() {
        // A wait without a limit ends ungranted only if the grant was taken back, because the loop was destroyed.
        return Err(Exception::new(HubDestroyed));
    }
    Ok(false)
}

/// A guard that leaves the line when it is dropped, also when the waiting greenlet is unwound. A permit that was
/// granted and not used goes to the next waiter.
struct LeaveOnDrop<'a, S: Lined> {
    object: &'a Arc<Mutex<S>>,
    which: S::Which,
    waiter: &'a Arc<ThreadsafeWaiter>,
}

impl<S: Lined> Drop for LeaveOnDrop<'_, S> {
    fn drop(&mut self) {
        leave(self.object, self.which, self.waiter);
    }
}

/// Takes a waiter out of its line. A permit that was granted to it and not used goes to the next one.
fn leave<S: Lined>(object: &Arc<Mutex<S>>, which: S::Which, waiter: &Arc<ThreadsafeWaiter>) {
    let mut state = object.lock();
    let given = if waiter.revoke() && !waiter.watches() {
        state.give_back(which)
    } else {
        state.line(which).remove(waiter);
        Given::default()
    };
    drop(state);
    hand(object, which, given);
}

/// The place of a future in a line. Its drop leaves the line; a permit that was granted and not taken goes to the next
/// waiter.
pub(super) struct LinePlaceOf<S: Lined> {
    object: Arc<Mutex<S>>,
    which: S::Which,
    waiter: Arc<ThreadsafeWaiter>,
    /// Whether what was granted was taken, so that there is nothing to leave.
    over: bool,
}

impl<S: Lined> LinePlaceOf<S> {
    /// Puts a future in line, unless `enter` returns true. It is asked twice: mostly there is no need to wait, and no
    /// waiter is made then.
    pub(super) fn enter(
        object: &Arc<Mutex<S>>,
        which: S::Which,
        context: &Context<'_>,
        enter: impl Fn(&mut S) -> bool,
    ) -> Option<Self> {
        if enter(&mut object.lock()) {
            return None;
        }
        // A waker's clone is user code, and so is its drop: neither is called with the lock.
        let waiter = ThreadsafeWaiter::of_future(context.waker().clone());
        let mut state = object.lock();
        if enter(&mut state) {
            drop(state);
            return None;
        }
        state.line(which).push(waiter.clone());
        drop(state);
        Some(LinePlaceOf {
            object: object.clone(),
            which,
            waiter,
            over: false,
        })
    }

    /// Takes what was granted, and returns whether it was. If not, the context's waker is used when it is.
    pub(super) fn is_granted(&mut self, context: &Context<'_>) -> bool {
        self.waiter.wake_by(context);
        let _state = self.object.lock();
        self.over = self.waiter.take();
        self.over
    }
}

impl<S: Lined> Drop for LinePlaceOf<S> {
    fn drop(&mut self) {
        if !self.over {
            leave(&self.object, self.which, &self.waiter);
        }
    }
}

/// Adds a link of this thread to a line. If `ready` returns true, the link is not added: the hub calls it soon.
pub(super) fn rawlink<S: Lined>(
    object: &Arc<Mutex<S>>,
    which: S::Which,
    ready: impl FnOnce(&mut S) -> bool,
    link: Link,
    handle: Box<dyn LinkedObject>,
) {
    let waiter = waiter::link(link.with_kind(LinkKind::Raw), handle, Arc::as_ptr(object).addr());
    let mut state = object.lock();
    if !ready(&mut state) {
        state.line(which).push(waiter);
        return;
    }
    drop(state);
    waiter.wake(|| ());
}

/// Removes a link that was added in this thread, if it was not called yet.
pub(super) fn unlink<S: Lined>(object: &Arc<Mutex<S>>, which: S::Which, link: &Link) {
    if let Some(waiter) = waiter::unlink(link, Arc::as_ptr(object).addr()) {
        object.lock().line(which).remove(&waiter);
    }
}

#[cfg(test)]
mod tests {
    use super::{LinePlace, ThreadsafeLine};
    use crate::threadsafe::waiter::ThreadsafeWaiter;

    #[test]
    fn a_line_is_in_order_and_whoever_leaves_is_found() {
        let mut line = ThreadsafeLine::default();
        // The waiters are not made in the order in which they come into the line.
        let all: Vec<_> = (0..1_000).map(|_| ThreadsafeWaiter::new(false)).rev().collect();
        all.iter().for_each(|waiter| line.push(waiter.clone()));
        assert!(line.row.is_in_order());
        for waiter in all.iter().rev().step_by(2) {
            line.remove(waiter);
            // A second removal changes nothing.
            line.remove(waiter);
        }
        assert_eq!(line.len(), 500);
        line.push(ThreadsafeWaiter::new(false));
        assert!(line.row.is_in_order());
        let told = line.grant_all();
        assert_eq!((line.len(), told.0.len()), (0, 501));
        assert!(told.0.iter().all(|LinePlace(waiter, _)| waiter.granted()));
        told.wake();
    }
}
