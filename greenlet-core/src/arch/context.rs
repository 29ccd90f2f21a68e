//! The portable switch: the `context` crate's, which is used nowhere else.
//!
//! `context` carries one word, and tells only the arriving side where the stack that was left
//! continues. So the word is the address of a [`Parcel`] on the stack that is left, and the arriving
//! side puts the place to continue where the parcel says:
//!
//! ```text
//!        │ frames               │
//!        │ frame of `jump`      │ with the Parcel: the slot of the side that leaves, and the three words
//!        ├──────────────────────┤
//!        │ registers            │ stored by `context`, in an order of its own
//!        └──────────────────────┘ <- Suspended, which only the arriving side is told
//! ```

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::NonNull;

use context::stack::Stack;
use context::{Context, Transfer};

use super::{Entry, Words};

/// A stack that is not running.
pub(crate) struct Suspended(Context);

/// The message of the side that leaves, on its stack, for the arriving side.
struct Parcel<'a> {
    slot: &'a Cell<Option<Suspended>>,
    words: Words,
}

/// Makes a stack ready to run `E` at the first [`jump`].
///
/// # Safety
/// `top` is the 16-aligned high end of `size` bytes, at least a page, that nobody else uses
/// until the last jump away from this stack.
pub(crate) unsafe fn prepare<E: Entry>(top: NonNull<u8>, size: usize) -> Suspended {
    let top = top.as_ptr();
    // SAFETY: the caller lends the memory; `context`'s `Stack` only describes it.
    unsafe {
        let stack = Stack::new(top.cast(), top.sub(size).cast());
        Suspended(Context::new(&stack, root::<E>))
    }
}

/// The first function on a prepared stack. `context` ends backtraces below it.
extern "C" fn root<E: Entry>(transfer: Transfer) -> ! {
    // SAFETY: a first jump to a stack is a `jump` like any other.
    let [a, b, c] = unsafe { open(transfer) };
    E::enter(a, b, c)
}

/// Leaves the current stack for `to`, and puts the place to continue the current one into `slot`.
/// Returns when somebody jumps back, with the words of that jump.
///
/// # Safety
/// `to` came from [`prepare`] or a `slot`, its stack is untouched since and belongs to this
/// thread, and it is jumped to only once.
#[inline(always)]
pub(crate) unsafe fn jump(to: Suspended, slot: &Cell<Option<Suspended>>, words: Words) -> Words {
    let parcel = Parcel { slot, words };
    // SAFETY: by this function's contract, and the transfer that comes back was sent by `jump`.
    unsafe { open(to.0.resume((&raw const parcel).expose_provenance())) }
}

/// Puts the place where the other side continues into its slot, and takes out its words.
///
/// # Safety
/// The transfer was sent by [`jump`] and not opened yet.
#[inline(always)]
unsafe fn open(transfer: Transfer) -> Words {
    // SAFETY: the parcel is on the stack that was just left, in the frame of its `jump`.
    let parcel = unsafe { &*std::ptr::with_exposed_provenance::<Parcel<'_>>(transfer.data) };
    let words = parcel.words;
    parcel.slot.set(Some(Suspended(transfer.context)));
    words
}

/// Would call `function` in a frame that an unwinder takes for one that the suspended stack has called. Where `context`
/// stores the registers is its own affair, so this does nothing.
///
/// # Safety
/// None is needed; the other switches need some.
pub(crate) unsafe fn call_below(_: &Suspended, _: extern "C" fn(*mut c_void), _: *mut c_void) {}
