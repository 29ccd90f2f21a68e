//! The switch on x86-64 with the System V ABI, written inline so that the compiler saves only
//! what is in use.
//!
//! ```text
//!        prepared                            suspended
//!   high ┌──────────────────────┐ top       ┌──────────────────────┐
//!        │ (keeps 16-alignment) │           │ frames               │
//!        ├──────────────────────┤           ├──────────────────────┤
//!        │ address of `root`    │           │ where to continue    │
//!        │ rbp: 0               │           │ rbp                  │
//!        │ rbx: the entry       │           │ rbx                  │
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
    // SAFETY: the words below the top belong to the caller, who lends them. `root` finds two of
    // them unused and with that the stack pointer aligned for its call.
    unsafe {
        let sp = top.cast::<usize>().sub(5);
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
        ".cfi_undefined rip",
        "call rbx",
        "ud2",
        ".cfi_endproc",
    )
}

/// Leaves the current stack for `to`, with where to continue the left one in `slot`. Returns,
/// with the words they passed, when somebody jumps back.
///
/// The address to continue at is popped into a register rather than returned to: a `ret` with
/// another address than its `call`'s would be mispredicted every time.
///
/// # Safety
/// `to` came from [`prepare`] or a `slot`, its stack is untouched since and belongs to this
/// thread, and it is jumped to only once.
#[inline(always)]
pub(crate) unsafe fn jump(to: Suspended, slot: &Cell<Option<Suspended>>, words: Words) -> Words {
    let [mut a, mut b, mut c] = words;
    // SAFETY: every register that the ABI lets a callee change is declared as changed, and so are
    // the callee-saved ones but rbx and rbp, which LLVM keeps for itself: those lie on the stack
    // meanwhile. The stack pointer is back where it was when the asm ends, and the other stack's
    // owner vouches for it.
    unsafe {
        asm!(
            "lea rax, [rip + 2f]",
            "push rax",
            "push rbp",
            "push rbx",
            "mov [r8], rsp",
            "mov rsp, r9",
            "pop rbx",
            "pop rbp",
            "pop rax",
            "jmp rax",
            "2:",
            inlateout("rdi") a,
            inlateout("rsi") b,
            inlateout("rdx") c,
            in("r8") slot.as_ptr(),
            in("r9") to.0.as_ptr(),
            lateout("r12") _,
            lateout("r13") _,
            lateout("r14") _,
            lateout("r15") _,
            clobber_abi("sysv64"),
        );
    }
    [a, b, c]
}
