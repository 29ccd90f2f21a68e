//! A lock without data.

use std::sync::atomic::{AtomicU8, Ordering};

use lock_api::GuardNoSend;

use super::line::{Called, Line, Monitor, Waiter, raise};

/// A lock that has no data, and does not know who holds it.
///
/// Whoever comes while it is free takes it, also if others wait, who were called and have not come yet: on several
/// processors that is much quicker than to hand it on. One that was overtaken so is handed the lock next time. So
/// everybody gets it in the end, also if another thread of its carrier, which it cannot interrupt, takes it again at
/// once.
pub(super) struct RawMutex {
    /// [`FREE`], [`HELD`] or [`WANTED`].
    state: AtomicU8,
    waiting: Monitor<Waiting>,
}

const FREE: u8 = 0;
const HELD: u8 = 1;
/// Held, and somebody may be in the line. Set with the monitor's lock only.
const WANTED: u8 = 2;

struct Waiting {
    /// The mark is whether the waiter was called before, and overtaken.
    line: Line<bool>,
    /// The number of the waiter that the lock was handed to, and that has not come yet. Zero if there is none.
    heir: u64,
}

impl Waiting {
    /// Whether the lock was handed to this waiter, which takes note of it.
    fn is_inherited_by(&mut self, waiter: &Waiter) -> bool {
        let inherited = self.heir == waiter.number();
        if inherited {
            self.heir = 0;
        }
        inherited
    }
}

impl RawMutex {
    const fn new() -> RawMutex {
        RawMutex {
            state: AtomicU8::new(FREE),
            waiting: Monitor::new(Waiting {
                line: Line::new(),
                heir: 0,
            }),
        }
    }

    #[inline]
    fn take_if_free(&self) -> bool {
        (self.state)
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    #[cold]
    fn lock_in_line(&self) {
        let mut waiting = self.waiting.enter();
        let mut waiter = None;
        while self.state.swap(WANTED, Ordering::Acquire) != FREE {
            let waiter: &Waiter = match &mut waiter {
                None => waiter.insert(waiting.line.join(false)),
                Some(waiter) => {
                    waiting.line.rejoin(waiter, true);
                    waiter
                }
            };
            let gives_up = |waiting: &mut Waiting, called| {
                let is_mine =
                    waiting.is_inherited_by(waiter) || (called && self.state.swap(WANTED, Ordering::Acquire) == FREE);
                match is_mine {
                    true => self.release(waiting),
                    false => Called::default(),
                }
            };
            let parked = (self.waiting).wait(waiting, waiter, |waiting| &mut waiting.line, None, gives_up);
            (waiting, _) = parked.unwrap_or_else(|thrown| raise(thrown));
            if waiting.is_inherited_by(waiter) {
                break;
            }
        }
        if waiting.line.is_empty() {
            self.state.store(HELD, Ordering::Relaxed);
        }
    }

    /// Frees the lock, which the caller holds, and calls the first of the line; or hands it on to that one.
    fn release(&self, waiting: &mut Waiting) -> Called {
        match waiting.line.first() {
            Some((number, true)) => waiting.heir = number,
            _ => self.state.store(FREE, Ordering::Release),
        }
        waiting.line.call_first()
    }

    #[cold]
    fn unlock_wanted(&self) {
        let called = self.release(&mut self.waiting.enter());
        called.wake();
    }
}

// SAFETY: the lock is exclusive. The state leaves `FREE` by `take_if_free` and by the swap in `lock_in_line`, of which
// only one can find it `FREE`; and it is `FREE` again, or an heir takes it over, only by `release`, which is called by
// whoever holds it. An heir has a number that no other waiter of this line ever has.
unsafe impl lock_api::RawMutex for RawMutex {
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: RawMutex = RawMutex::new();

    type GuardMarker = GuardNoSend;

    #[inline]
    fn lock(&self) {
        if !self.take_if_free() {
            self.lock_in_line();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.take_if_free()
    }

    #[inline]
    unsafe fn unlock(&self) {
        let freed = (self.state).compare_exchange(HELD, FREE, Ordering::Release, Ordering::Relaxed);
        if freed.is_err() {
            self.unlock_wanted();
        }
    }

    fn is_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) != FREE
    }
}
