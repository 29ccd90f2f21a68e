//! aarch64: the thread pointer is the register `tpidr_el0`, which every program may set.
//!
//! ```text
//!   ┌──────────────────────┬───────────┬──────────────────────┐
//!   │ the C library's data │ two words │ static thread-locals │
//!   └──────────────────────┴───────────┴──────────────────────┘
//!                          ^ the thread pointer
//! ```
//!
//! The first of the two words is the pointer to the vector; nobody uses the other one. Stack guard and pointer guard,
//! and the flag that says whether there are other threads, are the process's, not a thread's.

use std::arch::asm;
use std::ops::RangeInclusive;

use crate::unsupported::Unsupported;

/// Where static thread-locals are at most: bytes from the thread pointer.
pub(super) const LOCALS: RangeInclusive<isize> = 16..=1 << 20;

/// Where the pointer to the vector is: bytes from the thread pointer.
pub(super) const VECTOR: usize = 0;

/// Whether a program may set its thread pointer.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may not")]
pub(super) fn permits() -> Result<(), Unsupported> {
    Ok(())
}

/// The thread pointer.
#[inline(always)]
pub(super) fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: the register is read.
    unsafe { asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}

/// Sets the thread pointer.
///
/// # Safety
/// It is that of a complete block of the running thread. The caller uses no thread-locals afterwards.
#[inline(always)]
pub(super) unsafe fn set_thread_pointer(pointer: usize) {
    // SAFETY: by this function's contract.
    unsafe { asm!("msr tpidr_el0, {}", in(reg) pointer, options(nostack, preserves_flags)) };
}

/// Calls `function` with the thread pointer `to`, and sets it to `back` then.
///
/// # Safety
/// `to` is the thread pointer of a complete block, `back` the present one. `function` may be called with `data`, lets
/// no panic out, and returns on the same thread.
#[inline(always)]
pub(super) unsafe fn call<T>(to: usize, back: usize, function: extern "C" fn(*mut T), data: *mut T) {
    // SAFETY: the registers x19 to x29, and the lower halves of v8 to v15, outlive the call, by the ABI; the others
    // that a function changes are declared, among them x30, which has the return address. The stack pointer is not
    // changed here, and is always aligned. The rest is this function's contract.
    unsafe {
        asm!(
            "msr tpidr_el0, x20",
            "blr x22",
            "msr tpidr_el0, x21",
            in("x20") to,
            in("x21") back,
            in("x22") function,
            in("x0") data,
            clobber_abi("C"),
        );
    }
}

/// Where the C library's data of the thread begins that has this thread pointer; they have `size` bytes.
#[inline(always)]
pub(super) fn data_of(pointer: usize, size: usize) -> usize {
    pointer.wrapping_sub(size)
}

/// Sets what this processor's ABI has at the thread pointer of a block, but for the vector: nothing.
///
/// # Safety
/// `_own` is the thread pointer of a block that nobody uses yet, `_carrier` that of the calling thread.
#[inline(always)]
pub(super) unsafe fn write_header(_own: usize, _carrier: usize) {}

/// How the processor computes with fractions: the register `fpcr`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct FloatMode(u64);

impl FloatMode {
    /// That of a program at its beginning.
    pub(super) const USUAL: FloatMode = FloatMode(0);

    /// That of the running thread.
    #[inline(always)]
    pub(super) fn get() -> FloatMode {
        let mode: u64;
        // SAFETY: the register is read.
        unsafe { asm!("mrs {}, fpcr", out(reg) mode, options(nostack, preserves_flags)) };
        FloatMode(mode)
    }

    /// Sets another one. This is the present one.
    #[inline(always)]
    pub(super) fn becomes(self, other: FloatMode) {
        if self != other {
            other.set();
        }
    }

    #[cold]
    fn set(self) {
        // SAFETY: the value was read from the register before, in this thread or in its carrier.
        unsafe { asm!("msr fpcr, {}", in(reg) self.0, options(nostack, preserves_flags)) };
    }
}

/// The calling thread's stack guard: none, as there is one for all.
pub(super) fn stack_guard() -> usize {
    0
}
