//! The switch on aarch64 with the AAPCS64, written inline so that the compiler saves only what is
//! in use.
//!
//! Every drawing has high addresses above; a line is a word of eight bytes. The stack pointer is
//! 16-aligned always, so words come in pairs.
//!
//! # A fresh stack
//!
//! [`prepare`] writes what a [`jump`] would have left there, so that the first jump to a stack is
//! like all others:
//!
//! ```text
//!   top  ┌──────────────────────┐ 16-aligned; what is above belongs to nobody
//!        │ not used             │
//!        │ address of `root`    │ where to continue
//!        │ 0                    │ x29: no frame above, for those that follow frame pointers
//!        │ address of `E::enter`│ x19
//!        └──────────────────────┘ <- Suspended
//! ```
//!
//! # A stack that was switched away from
//!
//! The words that [`jump`] has stored lie below the frame of the function it is inlined in. The
//! compiler itself has stored all other registers that the function still needs in that frame:
//!
//! ```text
//!        │ frames               │
//!        │ the function's frame │
//!        ├──────────────────────┤ the stack pointer when it goes on
//!        │ not used             │
//!        │ address of label 2   │ where to continue: the end of the `asm!`
//!        │ x29                  │
//!        │ x19                  │
//!        └──────────────────────┘ <- Suspended, in the slot of the greenlet that left
//!        │ free                 │
//! ```
//!
//! So a debugger walks a parked stack from these registers: x19 and x29 as they are there, pc from
//! the word above, sp four words above `Suspended`.
//!
//! # At the entry
//!
//! The first jump has loaded x19, x29 and the address, and continues in [`root`]. The three words of
//! the message are still in x0, x1 and x2, which is where `E::enter` expects its arguments. Calls
//! leave the return address in a register, so the stack is empty:
//!
//! ```text
//!   top  ┌──────────────────────┐ sp in `root` and at the entry of `E::enter`
//!        │ x30: in `root`       │ the return address of `E::enter`, \ stored by itself,
//!        │ x29: 0               │ the end of the frame pointers       / in its frame
//!        │ frames               │
//! ```
//!
//! # What an unwinder sees
//!
//! An unwinder goes up the frames to `E::enter`, which is `extern "C"` and lets no panic out, and from there by
//! the return address to `root`. The unwind table of `root` says that its own return address is
//! undefined: that is the end, and nothing above the top is ever read. Inside of `jump` nothing
//! unwinds: the stack pointer is off by what was stored, but none of those instructions can fail.
//!
//! From the frame of [`call_below`] an unwinder goes up to a suspended stack, whichever stack it is on itself: the
//! unwind table says that the return address, x29 and x19 of its caller are the words at `Suspended`, and the caller's
//! stack pointer is behind them.

use std::arch::{asm, naked_asm};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::NonNull;

use super::{Entry, Words};

/// A stack that is not running: its stack pointer.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Suspended(NonNull<usize>);

/// Makes a stack ready to run `E` at the first [`jump`].
///
/// # Safety
/// `top` is the 16-aligned high end of `size` bytes, at least a page, that nobody else uses
/// until the last jump away from this stack.
pub(crate) unsafe fn prepare<E: Entry>(top: NonNull<u8>, _size: usize) -> Suspended {
    // SAFETY: the four words below the top belong to the caller, who lends them.
    unsafe {
        let sp = top.cast::<usize>().sub(4);
        sp.write((E::enter as *const ()).expose_provenance());
        sp.add(1).write(0);
        sp.add(2).write((root as *const ()).expose_provenance());
        Suspended(sp)
    }
}

/// The outermost frame of a prepared stack: no caller, so that backtraces end here.
#[unsafe(naked)]
extern "C" fn root() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined lr",
        // A landing pad, as in `jump`.
        "hint #34",
        "blr x19",
        "brk #1",
        ".cfi_endproc",
    )
}

/// Leaves the current stack for `to`, and puts the place to continue the current one into `slot`.
/// Returns when somebody jumps back, with the words of that jump.
///
/// # Safety
/// `to` came from [`prepare`] or a `slot`, its stack is untouched since and belongs to this
/// thread, and it is jumped to only once.
#[inline(always)]
pub(crate) unsafe fn jump(to: Suspended, slot: &Cell<Option<Suspended>>, words: Words) -> Words {
    let [mut a, mut b, mut c] = words;
    // SAFETY: every register that the ABI lets a callee change is declared as changed, and so are
    // the callee-saved ones but x19 and x29, which LLVM keeps for itself: those lie on the stack
    // meanwhile. The stack pointer is back where it was when the asm ends, and the other stack is
    // intact by this function's contract.
    unsafe {
        asm!(
            "adr x9, 2f",
            "stp x19, x29, [sp, #-32]!",
            "str x9, [sp, #16]",
            "mov x10, sp",
            "str x10, [x3]",
            "mov sp, x4",
            "ldr x16, [sp, #16]",
            "ldp x19, x29, [sp], #32",
            "br x16",
            "2:",
            // A landing pad where branch targets are enforced, a no-op elsewhere.
            "hint #36",
            inlateout("x0") a,
            inlateout("x1") b,
            inlateout("x2") c,
            in("x3") slot.as_ptr(),
            in("x4") to.0.as_ptr(),
            lateout("x20") _, lateout("x21") _, lateout("x22") _, lateout("x23") _,
            lateout("x24") _, lateout("x25") _, lateout("x26") _, lateout("x27") _,
            lateout("x28") _, lateout("lr") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            clobber_abi("C"),
        );
    }
    [a, b, c]
}

/// Calls `function` with `data`, in a frame that an unwinder takes for one that the suspended stack has called.
///
/// # Safety
/// As for [`jump`], but that the stack stays where it is. `function` may be called with `data`, and neither unwinds nor
/// jumps.
pub(crate) unsafe fn call_below(stack: &Suspended, function: extern "C" fn(*mut c_void), data: *mut c_void) {
    // SAFETY: the words are there, and the rest is this function's contract.
    unsafe { call_with_caller(stack.0.as_ptr(), function, data) }
}

/// Does [`call_below`]: x20, which no callee changes, holds the place while the function runs.
#[unsafe(naked)]
unsafe extern "C" fn call_with_caller(stack: *const usize, function: extern "C" fn(*mut c_void), data: *mut c_void) {
    naked_asm!(
        ".cfi_startproc",
        // A landing pad, as in `jump`.
        "hint #34",
        "stp x20, x30, [sp, #-16]!",
        ".cfi_adjust_cfa_offset 16",
        ".cfi_rel_offset x20, 0",
        ".cfi_rel_offset x30, 8",
        "mov x20, x0",
        "mov x0, x2",
        ".cfi_remember_state",
        ".cfi_def_cfa x20, 32",
        ".cfi_offset x30, -16",
        ".cfi_offset x29, -24",
        ".cfi_offset x19, -32",
        ".cfi_same_value x20",
        "blr x1",
        ".cfi_restore_state",
        "ldp x20, x30, [sp], #16",
        ".cfi_adjust_cfa_offset -16",
        ".cfi_restore x20",
        ".cfi_restore x30",
        "ret",
        ".cfi_endproc",
    )
}
