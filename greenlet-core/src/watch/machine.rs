//! What is different on each processor: the registers, in the numbering of the unwind tables, and how to copy memory
//! without a call.

use std::arch::asm;

/// How many registers the unwind tables may speak of.
#[cfg(target_arch = "x86_64")]
pub(super) const REGISTERS: usize = 17;
#[cfg(target_arch = "aarch64")]
pub(super) const REGISTERS: usize = 32;

/// The number of the stack pointer.
#[cfg(target_arch = "x86_64")]
pub(super) const STACK: usize = 7;
#[cfg(target_arch = "aarch64")]
pub(super) const STACK: usize = 31;

/// The number of the frame pointer.
#[cfg(target_arch = "x86_64")]
pub(super) const FRAME: usize = 6;
#[cfg(target_arch = "aarch64")]
pub(super) const FRAME: usize = 29;

/// The number under which the tables keep the return address.
#[cfg(target_arch = "x86_64")]
pub(super) const RETURN: usize = 16;
#[cfg(target_arch = "aarch64")]
pub(super) const RETURN: usize = 30;

/// The registers at some point of a program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registers {
    /// Where the program goes on.
    pub(super) pc: usize,
    pub(super) numbered: [usize; REGISTERS],
}

impl Registers {
    /// The registers of an interrupted program.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn interrupted(context: &libc::ucontext_t) -> Registers {
        // In the order of the System V ABI, figure "DWARF Register Number Mapping".
        const ORDER: [libc::c_int; REGISTERS] = [
            libc::REG_RAX,
            libc::REG_RDX,
            libc::REG_RCX,
            libc::REG_RBX,
            libc::REG_RSI,
            libc::REG_RDI,
            libc::REG_RBP,
            libc::REG_RSP,
            libc::REG_R8,
            libc::REG_R9,
            libc::REG_R10,
            libc::REG_R11,
            libc::REG_R12,
            libc::REG_R13,
            libc::REG_R14,
            libc::REG_R15,
            libc::REG_RIP,
        ];
        let numbered = ORDER.map(|register| context.uc_mcontext.gregs[register as usize] as usize);
        let pc = numbered[RETURN];
        Registers { pc, numbered }
    }

    /// The registers of an interrupted program.
    #[cfg(target_arch = "aarch64")]
    pub(super) fn interrupted(context: &libc::ucontext_t) -> Registers {
        let mut numbered = [0; REGISTERS];
        for (place, register) in numbered.iter_mut().zip(context.uc_mcontext.regs) {
            *place = register as usize;
        }
        numbered[STACK] = context.uc_mcontext.sp as usize;
        let pc = context.uc_mcontext.pc as usize;
        Registers { pc, numbered }
    }
}

/// A return address without the signature that pointer authentication has put into its upper bits.
pub(super) fn plain(address: usize) -> usize {
    if cfg!(target_arch = "aarch64") {
        address & 0x0000_ffff_ffff_ffff
    } else {
        address
    }
}

/// Copies whole words. This is no call, and no instrumented code: sanitizers know nothing of a stack as a whole.
///
/// # Safety
/// `len` bytes can be read and written there, and nobody else writes to the target.
#[inline(always)]
pub(super) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    let len = len / size_of::<usize>() * size_of::<usize>();
    #[cfg(target_arch = "x86_64")]
    // SAFETY: by this function's contract. The ABI has the direction flag cleared.
    unsafe {
        asm!(
            "rep movsb",
            inout("rsi") from => _,
            inout("rdi") to => _,
            inout("rcx") len => _,
            options(nostack, preserves_flags),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: by this function's contract.
    unsafe {
        asm!(
            "cbz {len}, 3f",
            "2:",
            "ldr {word}, [{from}], #8",
            "str {word}, [{to}], #8",
            "subs {len}, {len}, #8",
            "b.ne 2b",
            "3:",
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            len = inout(reg) len => _,
            word = out(reg) _,
            options(nostack),
        );
    }
}
