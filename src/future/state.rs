//! [`WakeState`]: who has to resume the greenlet of a `block_on`.
//!
//! ```text
//!                try_park                      wake, in any thread
//!    POLLED ────────────────> PARKED ────────────────────────────────> WOKEN, and the caller resumes the greenlet
//!      ^ └─── wake ──> WOKEN: `try_park` says no                          │
//!      └─────────────────┴──────────────── begin ─────────────────────────┘
//! ```
//!
//! Exactly one of the calls of `wake` since a park began is told to resume the greenlet. A wake before the park is seen
//! by `try_park`. So no wake-up is lost, and none is made twice.

use super::atomic::{AtomicU8, Ordering};

/// The future is being polled, or about to be.
const POLLED: u8 = 0;
/// A waker was used since the last poll began.
const WOKEN: u8 = 1;
/// The greenlet waits for a waker to be used.
const PARKED: u8 = 2;

pub(super) struct WakeState(AtomicU8);

impl WakeState {
    pub(super) fn new() -> WakeState {
        WakeState(AtomicU8::new(POLLED))
    }

    /// Says that a poll begins, which sees all that wakers were used for until now.
    pub(super) fn begin(&self) {
        self.0.swap(POLLED, Ordering::AcqRel);
    }

    /// Whether a waker was used since the last poll began.
    pub(super) fn is_woken(&self) -> bool {
        self.0.load(Ordering::Acquire) == WOKEN
    }

    /// Says that the greenlet parks. Returns false if a waker was used meanwhile: then it must not park.
    pub(super) fn try_park(&self) -> bool {
        self.0
            .compare_exchange(POLLED, PARKED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Says that a waker was used. Returns whether the caller has to resume the greenlet.
    pub(super) fn wake(&self) -> bool {
        self.0.swap(WOKEN, Ordering::AcqRel) == PARKED
    }
}
