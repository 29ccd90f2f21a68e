//! [`stats`]: how often patched calls have parked somebody.

#![cfg_attr(not(glibc), allow(dead_code, reason = "nothing parks there"))]

use std::sync::atomic::{AtomicU64, Ordering};

static PARKED: AtomicU64 = AtomicU64::new(0);
static WAITING: AtomicU64 = AtomicU64::new(0);

/// What patched calls have done in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// How often a call has parked its caller.
    pub parked: u64,
    /// How many callers are parked now.
    pub waiting: u64,
}

/// What patched calls have done so far.
///
/// ```
/// gevent_monkey::patch_time()?;
/// let before = gevent_monkey::stats();
/// let sleeper = gevent_threading::spawn(|| std::thread::sleep(std::time::Duration::from_millis(1)));
/// sleeper.join().unwrap();
/// let after = gevent_monkey::stats();
/// assert_eq!((after.parked - before.parked, after.waiting), (1, 0));
/// # Ok::<(), gevent_threading::Unsupported>(())
/// ```
pub fn stats() -> Stats {
    Stats {
        parked: PARKED.load(Ordering::Relaxed),
        waiting: WAITING.load(Ordering::Relaxed),
    }
}

/// A caller that is parked, until this is dropped.
pub(crate) struct Parked(());

impl Parked {
    pub(crate) fn begin() -> Parked {
        PARKED.fetch_add(1, Ordering::Relaxed);
        WAITING.fetch_add(1, Ordering::Relaxed);
        Parked(())
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}
