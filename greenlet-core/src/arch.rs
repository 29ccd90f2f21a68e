//! The machine's stack switch, from the `context` crate (Boost.Context), and nothing else.
//!
//! ```text
//!        stack top, 16-aligned
//!   high ┌──────────────────────────┐
//!        │ entry's frames, then the │
//!        │ greenlet's own           │
//!        ├──────────────────────────┤ <- Suspended: the saved stack pointer
//!        │ callee-saved registers   │
//!        ├──────────────────────────┤
//!        │ not in use               │
//!   low  └──────────────────────────┘ guard page below
//! ```

use context::{Context, Transfer};
use std::ptr::NonNull;

/// A stack that is not running: where to continue it. Used up by [`jump`].
pub(crate) struct Suspended(Context);

/// What runs first on a fresh stack: gets who switched to it and the word they passed.
pub(crate) type Entry = fn(from: Suspended, word: usize) -> !;

/// Makes a stack ready to run `entry` at the first [`jump`].
///
/// # Safety
/// `top` is the high end of `size` writable bytes that nobody else uses until `entry`'s last
/// jump away; `ENTRY` neither returns nor unwinds.
pub(crate) unsafe fn prepare<E: EntryPoint>(top: NonNull<u8>, size: usize) -> Suspended {
    let top = top.as_ptr();
    // SAFETY: the caller vouches for the memory; `context`'s Stack only describes it.
    unsafe {
        let stack = context::stack::Stack::new(top.cast(), top.sub(size).cast());
        Suspended(Context::new(&stack, trampoline::<E>))
    }
}

/// Names the [`Entry`] at compile time, since the C entry point has no room for a pointer.
pub(crate) trait EntryPoint {
    const ENTRY: Entry;
}

extern "C" fn trampoline<E: EntryPoint>(t: Transfer) -> ! {
    (E::ENTRY)(Suspended(t.context), t.data)
}

/// Leaves the current stack for `to`. Returns when somebody jumps back, with where they came
/// from and the word they passed.
///
/// # Safety
/// `to`'s stack is intact and belongs to this thread.
#[inline(always)]
pub(crate) unsafe fn jump(to: Suspended, word: usize) -> (Suspended, usize) {
    // SAFETY: a `Suspended` is used once, since `jump` consumes it; the rest is the caller's.
    let t = unsafe { to.0.resume(word) };
    (Suspended(t.context), t.data)
}
