//! Where nobody parks.

mod allocator;
mod linker;
mod mutexes;
mod signals;

use std::cell::Cell;

thread_local! {
    /// How many calls the thread is in that must not park. Without a destructor, so that it can be read at any time.
    static WITHIN: Cell<u32> = const { Cell::new(0) };
}

/// Whether nothing here stands against a park.
#[inline(always)]
pub(crate) fn may_park() -> bool {
    WITHIN.get() == 0
}

/// Calls `f`, in which nobody parks.
#[inline]
pub(crate) fn never_parks<R>(f: impl FnOnce() -> R) -> R {
    let _within = Within::enter();
    f()
}

/// Inside of a call that must not park, until this is dropped.
pub(crate) struct Within(());

impl Within {
    #[inline]
    pub(crate) fn enter() -> Within {
        WITHIN.set(WITHIN.get() + 1);
        Within(())
    }
}

impl Drop for Within {
    #[inline]
    fn drop(&mut self) {
        WITHIN.set(WITHIN.get() - 1);
    }
}

/// Called before anything is patched.
pub(crate) fn begin() {}
