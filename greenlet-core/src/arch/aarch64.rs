//! The switch on aarch64 with the AAPCS64, written inline so that the compiler saves only what is
//! in use.
//!
//! ```text
//!        prepared                            suspended
//!   high ┌──────────────────────┐ top       ┌──────────────────────┐
//!        │ (keeps 16-alignment) │           │ frames               │
//!        ├──────────────────────┤           ├──────────────────────┤
//!        │ address of `root`    │           │ where to continue    │
//!        │ x29: 0               │           │ x29                  │
//!        │ x19: the entry       │           │ x19                  │
//!   low  └──────────────────────┘ <- slot   └──────────────────────┘ <- slot
//! ```

use std::arch::{asm, naked_asm};
use std::cell::Cell;
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

/// Leaves the current stack for `to`, with where to continue the left one in `slot`. Returns,
/// with the words they passed, when somebody jumps back.
///
/// # Safety
/// `to` came from [`prepare`] or a `slot`, its stack is untouched since and belongs to this
/// thread, and it is jumped to only once.
#[inline(always)]
pub(crate) unsafe fn jump(to: Suspended, slot: &Cell<Option<Suspended>>, words: Words) -> Words {
    let [mut a, mut b, mut c] = words;
    // SAFETY: every register that the ABI lets a callee change is declared as changed, and so are
    // the callee-saved ones but x19 and x29, which LLVM keeps for itself: those lie on the stack
    // meanwhile. The stack pointer is back where it was when the asm ends, and the other stack's
    // owner vouches for it.
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
