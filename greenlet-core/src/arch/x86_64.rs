//! The switch on x86-64 with the System V ABI, written inline so that the compiler saves only
//! what is in use.
//!
//! Every drawing has high addresses above; a line is a word of eight bytes.
//!
//! # A fresh stack
//!
//! [`prepare`] writes what a [`jump`] would have left there, so that the first jump to a stack is
//! like all others:
//!
//! ```text
//!   top  ┌──────────────────────┐ 16-aligned; what is above belongs to nobody
//!        │ not used             │
//!        │ not used             │
//!        │ address of `root`    │ where to continue
//!        │ 0                    │ rbp: no frame above, for those that follow frame pointers
//!        │ address of `E::enter`│ rbx
//!        └──────────────────────┘ <- Suspended
//! ```
//!
//! # A stack that was switched away from
//!
//! The three words that [`jump`] has pushed lie below the frame of the function it is inlined in.
//! The compiler itself has stored all other registers that the function still needs in that frame:
//!
//! ```text
//!        │ frames               │
//!        │ the function's frame │
//!        ├──────────────────────┤ the stack pointer when it goes on
//!        │ address of label 2   │ where to continue: the end of the `asm!`
//!        │ rbp                  │
//!        │ rbx                  │
//!        └──────────────────────┘ <- Suspended, in the slot of the greenlet that left
//!        │ free                 │
//! ```
//!
//! So a debugger walks a parked stack from these registers: rbx and rbp as they are there, rip from
//! the word above, rsp three words above `Suspended`.
//!
//! # At the entry
//!
//! The first jump has popped rbx, rbp and the address, and continues in [`root`]. The three words
//! of the message are still in rdi, rsi and rdx, which is where `E::enter` expects its arguments.
//! Its return address lands where that of `root` was:
//!
//! ```text
//!   top  ┌──────────────────────┐
//!        │ not used             │
//!        │ not used             │ where a caller of `root` would have its return address
//!        ├──────────────────────┤ rsp in `root`, 16-aligned as the ABI wants it for a call
//!        │ address in `root`    │ the return address of `E::enter`
//!        ├──────────────────────┤ rsp at the entry of `E::enter`
//!        │ 0                    │ rbp, if `E::enter` has a frame pointer
//!        │ frame of `E::enter`  │
//!        │ frames               │
//! ```
//!
//! # What an unwinder sees
//!
//! An unwinder goes up the frames to `E::enter`, which is `extern "C"` and lets no panic out, and from there by
//! the return address to `root`. The unwind table of `root` says that its own return address is
//! undefined: that is the end, and the words above are never read. Inside of `jump` nothing unwinds:
//! the stack pointer is off by what was pushed, but none of those instructions can fail.
//!
//! From the frame of [`call_below`] an unwinder goes up to a suspended stack, whichever stack it is on itself: the
//! unwind table says that the return address, rbp and rbx of its caller are the words at `Suspended`, and the caller's
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
    // SAFETY: the words below the top belong to the caller, who lends them. Two are left unused, so
    // that the stack pointer is aligned where `root` calls.
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

/// Leaves the current stack for `to`, and puts the place to continue the current one into `slot`.
/// Returns when somebody jumps back, with the words of that jump.
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
    // meanwhile. The stack pointer is back where it was when the asm ends, and the other stack is
    // intact by this function's contract.
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

/// Calls `function` with `data`, in a frame that an unwinder takes for one that the suspended stack has called.
///
/// # Safety
/// As for [`jump`], but that the stack stays where it is. `function` may be called with `data`, and neither unwinds nor
/// jumps.
pub(crate) unsafe fn call_below(stack: &Suspended, function: extern "C" fn(*mut c_void), data: *mut c_void) {
    // SAFETY: the words are there, and the rest is this function's contract.
    unsafe { call_with_caller(stack.0.as_ptr(), function, data) }
}

/// Does [`call_below`]: r12, which no callee changes, holds the place while the function runs.
#[unsafe(naked)]
unsafe extern "C" fn call_with_caller(stack: *const usize, function: extern "C" fn(*mut c_void), data: *mut c_void) {
    naked_asm!(
        ".cfi_startproc",
        "push r12",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r12, 0",
        "mov r12, rdi",
        "mov rdi, rdx",
        ".cfi_remember_state",
        ".cfi_def_cfa r12, 24",
        ".cfi_offset rip, -8",
        ".cfi_offset rbp, -16",
        ".cfi_offset rbx, -24",
        ".cfi_same_value r12",
        "call rsi",
        ".cfi_restore_state",
        "pop r12",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r12",
        "ret",
        ".cfi_endproc",
    )
}
