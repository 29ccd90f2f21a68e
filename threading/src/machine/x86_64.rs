//! x86-64: the thread pointer is the base of the segment `fs`.
//!
//! ```text
//!   ┌──────────────────────┬──────────────────────┐
//!   │ static thread-locals │ the C library's data │
//!   └──────────────────────┴──────────────────────┘
//!                          ^ the thread pointer
//! ```

use std::arch::asm;
use std::ops::RangeInclusive;

use crate::unsupported::Unsupported;

/// Where static thread-locals are at most: bytes from the thread pointer.
pub(super) const LOCALS: RangeInclusive<isize> = -(1 << 20)..=0;

/// Where the pointer to the vector is: bytes from the thread pointer. This and the next ones are fixed by the ABI.
pub(super) const VECTOR: usize = 8;
/// Two words that are the thread pointer itself.
const POINTER: usize = 0;
const THREAD: usize = 16;
/// Whether there are other threads, so that the C library has to take its locks: 32 bits.
const MULTIPLE: usize = 24;

/// Whether a program may set its thread pointer.
pub(super) fn permits() -> Result<(), Unsupported> {
    const FSGSBASE: u64 = 1 << 1;
    // SAFETY: the call only asks.
    match unsafe { libc::getauxval(libc::AT_HWCAP2) } & FSGSBASE {
        0 => Err(Unsupported::ThreadPointer),
        _ => Ok(()),
    }
}

/// The thread pointer.
#[inline(always)]
pub(super) fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: the first word at the thread pointer is the thread pointer itself.
    unsafe { asm!("mov {}, fs:0", out(reg) pointer, options(nostack, preserves_flags, readonly)) };
    pointer
}

/// Sets the thread pointer.
///
/// # Safety
/// It is that of a complete block of the running thread. The caller uses no thread-locals afterwards.
#[inline(always)]
pub(super) unsafe fn set_thread_pointer(pointer: usize) {
    // SAFETY: by this function's contract; `permits` was asked before the first block was made.
    unsafe { asm!("wrfsbase {}", in(reg) pointer, options(nostack, preserves_flags)) };
}

/// Calls `function` with the thread pointer `to`, and sets it to `back` then.
///
/// # Safety
/// `to` is the thread pointer of a complete block, `back` the present one. `function` may be called with `data`, lets
/// no panic out, and returns on the same thread.
#[inline(always)]
pub(super) unsafe fn call<T>(to: usize, back: usize, function: extern "C" fn(*mut T), data: *mut T) {
    // SAFETY: `permits` was asked before the first block was made. The registers r12 to r15 outlive the call, by the
    // ABI; the others that a function changes are declared. The stack pointer is not changed here, and is aligned, as
    // the assembly may use the stack. The rest is this function's contract.
    unsafe {
        asm!(
            "wrfsbase r12",
            "call r14",
            "wrfsbase r13",
            in("r12") to,
            in("r13") back,
            in("r14") function,
            in("rdi") data,
            clobber_abi("C"),
        );
    }
}

/// Where the C library's data of the thread begins that has this thread pointer; they have `_size` bytes.
#[inline(always)]
pub(super) fn data_of(pointer: usize, _size: usize) -> usize {
    pointer
}

/// Sets what this processor's ABI has at the thread pointer of a block, but for the vector.
///
/// # Safety
/// `own` is the thread pointer of a block that nobody uses yet, `carrier` that of the calling thread.
#[inline(always)]
pub(super) unsafe fn write_header(own: usize, carrier: usize) {
    // SAFETY: these are words of the two threads. Other threads may look at the carrier's flag.
    unsafe {
        ((own + POINTER) as *mut usize).write(own);
        ((own + THREAD) as *mut usize).write(own);
        // The C library leaves locks out in a thread that has none beside it. It sets this flag in the thread that
        // makes the first one, which may be another virtual thread of this carrier, or the carrier.
        for thread in [own, carrier] {
            ((thread + MULTIPLE) as *mut u32).write_volatile(1);
        }
    }
}

/// How the processor computes with fractions: the control bits of its two units.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct FloatMode {
    sse: u32,
    x87: u16,
}

impl FloatMode {
    /// That of a program at its beginning.
    pub(super) const USUAL: FloatMode = FloatMode {
        sse: 0x1f80,
        x87: 0x037f,
    };

    /// That of the running thread.
    #[inline(always)]
    pub(super) fn get() -> FloatMode {
        /// What computations have met, which any function may change.
        const MET: u32 = 0x3f;
        let (mut sse, mut x87) = (0_u32, 0_u16);
        // SAFETY: each instruction writes one of the variables.
        unsafe {
            asm!(
                "stmxcsr [{sse}]",
                "fnstcw [{x87}]",
                sse = in(reg) &raw mut sse,
                x87 = in(reg) &raw mut x87,
                options(nostack, preserves_flags),
            );
        }
        FloatMode { sse: sse & !MET, x87 }
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
        // SAFETY: the variables have what the instructions have read before, in this thread or in its carrier.
        unsafe {
            asm!(
                "ldmxcsr [{sse}]",
                "fldcw [{x87}]",
                sse = in(reg) &raw const self.sse,
                x87 = in(reg) &raw const self.x87,
                options(nostack, preserves_flags, readonly),
            );
        }
    }
}

/// The calling thread's stack guard.
pub(super) fn stack_guard() -> usize {
    let guard: usize;
    // SAFETY: the ABI has the guard in this word.
    unsafe { asm!("mov {}, fs:0x28", out(reg) guard, options(nostack, preserves_flags, readonly)) };
    guard
}
