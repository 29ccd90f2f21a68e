//! Locks: semaphores, a re-entrant lock, a condition and a barrier. Source: gevent's `lock.py` and
//! `_semaphore.py`; for [`Condition`] and [`Barrier`] Python's `threading`, which a patched program
//! runs on gevent's locks.
//!
//! | here | acquired by | released |
//! |---|---|---|
//! | [`Semaphore`], [`BoundedSemaphore`] | a given number of greenlets at a time | by any greenlet |
//! | [`RLock`] | one greenlet, any number of times | by that greenlet, as many times, or by its guards |
//! | [`DummySemaphore`] | every greenlet, without a limit | does nothing |
//!
//! Each has gevent's `acquire` and `release`, and guards that release when they are dropped; the trait
//! [`Lock`] is for code that takes any of them. A lock belongs to one thread; see
//! [`threadsafe`](crate::threadsafe) for others.
//!
//! ```
//! use gevent::lock::Semaphore;
//! use gevent::prelude::*;
//!
//! let two_at_a_time = Semaphore::new(2);
//! let greenlets: Vec<_> = (0..4)
//!     .map(|_| {
//!         let two_at_a_time = two_at_a_time.clone();
//!         spawn(move || {
//!             let _guard = two_at_a_time.acquire_guard()?; // waits while there are two
//!             sleep(0.001)
//!         })
//!     })
//!     .collect();
//! assert_eq!(joinall_timeout(&greenlets, 10)?.len(), 4);
//! # Ok::<(), Exception>(())
//! ```

mod barrier;
mod bounded;
mod condition;
mod dummy;
mod generic;
mod guard;
mod line;
mod rlock;
mod semaphore;

pub use barrier::{Barrier, BrokenBarrierError};
pub use bounded::{BoundedSemaphore, OverReleaseError};
pub use condition::Condition;
pub use dummy::{DummyGuard, DummySemaphore};
pub use generic::Lock;
pub use guard::{RLockGuard, SemaphoreGuard};
pub use rlock::{NotOwnedError, RLock};
pub use semaphore::Semaphore;

pub(crate) use bounded::bounded_methods;
pub(crate) use line::Deadline;
