//! Inside of an allocator, nobody parks.

use std::alloc::{GlobalAlloc, Layout};

use greenlet_core::direct;

/// An allocator of whose calls none parks.
///
/// An allocator of Rust's may wait for a lock, or write something out. If a virtual thread parked in there, the others
/// of its carrier would find the allocator in the midst of that call. The C library's own allocator never makes a
/// patched call, and those that are written in C, such as jemalloc, hold a mutex of the C library's meanwhile. All
/// others are to be wrapped.
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: gevent_monkey::Allocator<std::alloc::System> = gevent_monkey::Allocator(std::alloc::System);
///
/// assert_eq!(vec![1; 3].len(), 3);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Allocator<A>(pub A);

// SAFETY: the allocator inside does all, and keeps the contract if it does itself.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Allocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by this function's contract.
        direct(|| unsafe { self.0.alloc(layout) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: by this function's contract.
        direct(|| unsafe { self.0.dealloc(memory, layout) });
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by this function's contract.
        direct(|| unsafe { self.0.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by this function's contract.
        direct(|| unsafe { self.0.realloc(memory, layout, size) })
    }
}
