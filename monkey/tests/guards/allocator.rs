//! Inside of the allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use crate::{assert_parks, in_virtual_thread, others_run_in, pause};

thread_local! {
    static SLEEPS: Cell<bool> = const { Cell::new(false) };
}

/// The system's allocator, which takes its time where that was asked for.
pub(crate) struct Sleepy;

fn take_time() {
    if SLEEPS.replace(false) {
        pause();
    }
}

// SAFETY: the system's allocator does all.
unsafe impl GlobalAlloc for Sleepy {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take_time();
        // SAFETY: by this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        take_time();
        // SAFETY: by this function's contract.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take_time();
        // SAFETY: by this function's contract.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take_time();
        // SAFETY: by this function's contract.
        unsafe { System.alloc_zeroed(layout) }
    }
}

fn sleeps_in(f: impl FnOnce()) {
    SLEEPS.set(true);
    f();
    assert!(!SLEEPS.get(), "the allocator was called");
}

#[test]
fn in_the_allocator_nobody_parks() {
    in_virtual_thread(|| {
        let mut kept = Vec::new();
        assert!(!others_run_in(|| sleeps_in(|| kept = Vec::<u8>::with_capacity(100))));
        assert!(!others_run_in(|| sleeps_in(|| kept.reserve_exact(100_000))));
        assert!(!others_run_in(|| sleeps_in(|| drop(std::mem::take(&mut kept)))));
        assert!(!others_run_in(|| sleeps_in(|| kept = vec![0; 100])));
        assert_parks();
    });
}
