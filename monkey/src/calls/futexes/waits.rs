//! One wait: the caller parks until it is called, or its time is over.

use std::cell::RefCell;

use gevent_threading::{Parker, is_unwound, os_thread};

use super::table::{Queued, Waiter};
use super::wake_next;
use crate::deadline::Deadline;
use crate::held::{Ended, give_up_if_unwound, hold_by};
use crate::stats::Parked;
use crate::wait::{Failed, errno, set_errno};

/// Parks the caller until it is woken, if `is_expected` finds the word as it is to be. That is called with the table's
/// lock.
///
/// Fails with `EAGAIN` if it does not; with `ETIMEDOUT` if the time is over. What is thrown into the caller is kept
/// meanwhile.
pub(super) fn wait(
    address: usize,
    bitset: u32,
    deadline: Option<Deadline>,
    is_expected: impl FnOnce() -> bool,
) -> Result<(), Failed> {
    let spare = Spare::take();
    let waiter = Waiter::new(address, bitset, spare.parker(), os_thread());
    let Some(queued) = Queued::join(&waiter, is_expected) else {
        return Err(Failed::Errno(libc::EAGAIN));
    };
    if is_unwound() {
        // A park may give up the stack, with all that is on it. Nobody may find it in the table then.
        let called = queued.leave();
        if !called {
            give_up_if_unwound();
        }
        return called.then_some(()).ok_or(Failed::MustBlock);
    }
    let (parked, errno) = (Parked::begin(), errno());
    let left = || deadline.map(Deadline::left);
    // If the caller's carrier ends, and leaves him behind, what he was called for is the next one's.
    let gives_up = || {
        if waiter.leave() {
            wake_next(address, bitset);
        }
    };
    let park = |left| waiter.parker().park_in_line(left, &gives_up);
    let ended = hold_by(park, left, || waiter.is_called());
    let called = queued.leave();
    drop(parked);
    set_errno(errno);
    match ended {
        _ if called => Ok(()),
        Ended::Over => Err(Failed::Errno(libc::ETIMEDOUT)),
        Ended::Stuck => {
            // Nobody knows this wait any more. If the greenlet is being unwound, this is its end; what it cannot leave,
            // the thread waits for.
            give_up_if_unwound();
            Err(Failed::MustBlock)
        }
    }
}

thread_local! {
    /// Parkers for the next waits: of a virtual thread one, of plain greenlets some. An unpark that comes late wakes
    /// one for nothing, and the next wait looks and goes on.
    static SPARES: RefCell<Vec<Parker>> = const { RefCell::new(Vec::new()) };
}

/// How many a thread keeps.
const KEPT: usize = 64;

/// A parker that goes back to the spare ones.
struct Spare(Parker);

impl Spare {
    fn take() -> Spare {
        // An allocator may wait below, in the midst of a `push`.
        let spare = SPARES.try_with(|spares| spares.try_borrow_mut().ok()?.pop());
        Spare(spare.ok().flatten().unwrap_or_default())
    }

    fn parker(&self) -> &Parker {
        &self.0
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        let parker = self.0.clone();
        let _ = SPARES.try_with(|spares| {
            if let Ok(mut spares) = spares.try_borrow_mut()
                && spares.len() < KEPT
            {
                spares.push(parker);
            }
        });
    }
}
