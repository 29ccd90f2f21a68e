//! A lock without data, which many can hold together to read.

use std::sync::atomic::{AtomicUsize, Ordering};

use lock_api::GuardNoSend;

use super::line::{Called, Line, Monitor, raise};

/// A lock that has no data, and does not know who holds it. Those who wait get it in their order; readers that stand
/// next to each other get it together. Nobody overtakes the line: a writer is not kept waiting by readers that come.
pub(super) struct RawRwLock {
    /// [`WRITER`], [`LINE`], and the number of readers times [`READER`].
    state: AtomicUsize,
    line: Monitor<Line<Access>>,
}

#[derive(Debug, Clone, Copy)]
enum Access {
    Read,
    Write,
}

const WRITER: usize = 1;
/// Somebody may be in the line, and nobody else gets the lock. Changed with the monitor's lock only.
const LINE: usize = 2;
const READER: usize = 4;
/// So many readers would be guards that were forgotten.
const MOST: usize = usize::MAX / 2;

impl RawRwLock {
    const fn new() -> RawRwLock {
        RawRwLock {
            state: AtomicUsize::new(0),
            line: Monitor::new(Line::new()),
        }
    }

    #[inline]
    fn read_if_free(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (WRITER | LINE) == 0 {
            let more = one_more(state);
            match (self.state).compare_exchange_weak(state, more, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    #[inline]
    fn write_if_free(&self) -> bool {
        (self.state)
            .compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    #[cold]
    fn lock_in_line(&self, access: Access) {
        let mut line = self.line.enter();
        let waiter = line.join(access);
        self.state.fetch_or(LINE, Ordering::Relaxed);
        // It may have become free before whoever freed it could see that somebody waits.
        let called = self.admit(&mut line);
        let is_admitted = !line.has(&waiter);
        drop(line);
        called.wake();
        if is_admitted {
            return;
        }
        let gives_up = |line: &mut Line<Access>, called| {
            if called {
                // It has got the lock, and gives it back.
                self.free(access);
            }
            // Readers may have stood behind a writer that goes.
            self.admit(line)
        };
        let parked = self.line.park(&waiter, |line| line, None, gives_up);
        drop(parked.unwrap_or_else(|thrown| raise(thrown)));
    }

    /// Gives the lock to all at the beginning of the line that can have it now, and calls them.
    fn admit(&self, line: &mut Line<Access>) -> Called {
        let mut called = Called::default();
        while let Some((_, access)) = line.first() {
            let admitted = (self.state).fetch_update(Ordering::Acquire, Ordering::Relaxed, |state| match access {
                Access::Read => (state & WRITER == 0).then(|| one_more(state)),
                Access::Write => (state & !LINE == 0).then_some(state | WRITER),
            });
            if admitted.is_err() {
                break;
            }
            called.and(line.call_first());
        }
        if line.is_empty() {
            self.state.fetch_and(!LINE, Ordering::Relaxed);
        }
        called
    }

    /// What whoever has freed the lock does if there is a line.
    #[cold]
    fn admit_next(&self) {
        let called = self.admit(&mut self.line.enter());
        called.wake();
    }

    /// Takes the caller's part out of the state, and returns what is left.
    #[inline]
    fn free(&self, access: Access) -> usize {
        match access {
            Access::Read => self.state.fetch_sub(READER, Ordering::Release) - READER,
            Access::Write => self.state.fetch_and(!WRITER, Ordering::Release) & !WRITER,
        }
    }

    #[inline]
    fn unlock(&self, access: Access) {
        if self.free(access) == LINE {
            self.admit_next();
        }
    }
}

/// The state with one more reader.
fn one_more(state: usize) -> usize {
    assert!(state < MOST, "too many readers hold the lock");
    state + READER
}

// SAFETY: a writer is alone. The state gets `WRITER` only where it has neither that nor readers, and a reader only
// where it has no `WRITER`, each in one atomic step; and loses them only by `unlock` and `downgrade`, which are called
// by whoever holds the lock.
unsafe impl lock_api::RawRwLock for RawRwLock {
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: RawRwLock = RawRwLock::new();

    type GuardMarker = GuardNoSend;

    #[inline]
    fn lock_shared(&self) {
        if !self.read_if_free() {
            self.lock_in_line(Access::Read);
        }
    }

    #[inline]
    fn try_lock_shared(&self) -> bool {
        self.read_if_free()
    }

    #[inline]
    unsafe fn unlock_shared(&self) {
        self.unlock(Access::Read);
    }

    #[inline]
    fn lock_exclusive(&self) {
        if !self.write_if_free() {
            self.lock_in_line(Access::Write);
        }
    }

    #[inline]
    fn try_lock_exclusive(&self) -> bool {
        self.write_if_free()
    }

    #[inline]
    unsafe fn unlock_exclusive(&self) {
        self.unlock(Access::Write);
    }

    fn is_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) & !LINE != 0
    }
}

// SAFETY: the caller is the writer, and becomes the only reader in one step.
unsafe impl lock_api::RawRwLockDowngrade for RawRwLock {
    unsafe fn downgrade(&self) {
        let before = self.state.fetch_add(READER - WRITER, Ordering::Release);
        if before & LINE != 0 {
            self.admit_next();
        }
    }
}
