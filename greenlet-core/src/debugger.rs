//! [`THREADS`]: where a debugger finds the greenlets of a process, live or in a core dump. `docs/gdb/gevent.py` reads
//! it.
//!
//! Types and fields are described to debuggers only in builds with full debug information, and their layout is the
//! compiler's affair. So this static has all numbers that one needs, and its own layout is C's. It is found by its name
//! in any program that was not stripped.

use std::cell::Cell;
use std::mem::offset_of;
use std::ptr;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::core::GreenletCore;
use crate::list::List;
use crate::thread::Thread;

/// Changed with every change of the layout or of its meaning; docs/gdb/gevent.py knows this one.
const LAYOUT: usize = 1;

/// All threads with greenlets, and how to read their state. Every number is a word.
#[repr(C)]
pub(crate) struct Threads {
    layout: usize,
    /// The slots of the threads, linked by `next`.
    first: AtomicPtr<Slot>,
    /// Offsets in a thread's state: of the running greenlet, and of [`Shown`].
    current: usize,
    shown: usize,
    /// Offsets in a greenlet: of the place to continue (null if it is not parked), and of its id.
    suspended: usize,
    id: usize,
    /// Whether the stacks are as `arch/x86_64.rs` and `arch/aarch64.rs` draw them.
    own_switch: usize,
}

/// The threads of this process.
pub(crate) static THREADS: Threads = Threads {
    layout: LAYOUT,
    first: AtomicPtr::new(ptr::null_mut()),
    current: Thread::CURRENT,
    shown: offset_of!(Thread, list) + List::SHOWN,
    suspended: offset_of!(GreenletCore, suspended),
    id: offset_of!(GreenletCore, id),
    own_switch: cfg!(all(
        unix,
        any(target_arch = "aarch64", target_arch = "x86_64"),
        not(feature = "context-switch")
    )) as usize,
};

/// The place of one thread in the list. It is never freed, but used again by another thread.
#[repr(C)]
pub(crate) struct Slot {
    next: *const Slot,
    /// The thread's state; null if the slot is free.
    thread: AtomicPtr<Thread>,
}

// SAFETY: `next` does not change any more when others can see the slot, and nobody here follows `thread`.
unsafe impl Sync for Slot {}

/// The greenlets of a thread, as a debugger reads them.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Shown {
    /// An array of pointers to greenlets. Some are null.
    pub(crate) greenlets: Cell<usize>,
    pub(crate) len: Cell<usize>,
}

impl Slot {
    /// Enters a thread. Neither this nor [`leave`](Slot::leave) takes a lock, so a fork leaves none locked.
    pub(crate) fn enter(thread: *const Thread) -> &'static Slot {
        let thread = thread.cast_mut();
        let mut next = THREADS.first.load(Acquire);
        // SAFETY: slots are never freed.
        while let Some(slot) = unsafe { next.as_ref() } {
            let free = ptr::null_mut();
            if slot.thread.compare_exchange(free, thread, Release, Relaxed).is_ok() {
                return slot;
            }
            next = slot.next.cast_mut();
        }
        let slot = Box::leak(Box::new(Slot {
            next: ptr::null(),
            thread: AtomicPtr::new(thread),
        }));
        let mut first = THREADS.first.load(Relaxed);
        loop {
            slot.next = first;
            match THREADS.first.compare_exchange_weak(first, slot, Release, Relaxed) {
                Ok(_) => return slot,
                Err(other) => first = other,
            }
        }
    }

    /// Takes the thread out.
    pub(crate) fn leave(&self) {
        self.thread.store(ptr::null_mut(), Release);
    }
}
