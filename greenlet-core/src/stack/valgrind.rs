//! Tells valgrind where stacks are; nothing at all without the feature `valgrind`.
//!
//! Without this, valgrind takes a switch for a huge change of the one stack it knows, and warns.
//! A request to valgrind is a sequence of instructions that does nothing on a real processor, see
//! "client requests" in its manual.

use std::ptr::NonNull;

/// Whether valgrind is told anything.
pub(super) const ON: bool = cfg!(all(feature = "valgrind", target_arch = "x86_64", unix));

/// valgrind's name for a stack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Id(usize);

const STACK_REGISTER: usize = 0x1501;
const STACK_DEREGISTER: usize = 0x1502;

/// Tells valgrind of a new stack.
pub(super) fn register(low: NonNull<u8>, top: NonNull<u8>) -> Id {
    Id(request([
        STACK_REGISTER,
        low.addr().get(),
        top.addr().get() - 1,
        0,
        0,
        0,
    ]))
}

/// Tells valgrind that a stack is about to go.
pub(super) fn deregister(id: Id) {
    request([STACK_DEREGISTER, id.0, 0, 0, 0, 0]);
}

#[cfg(all(feature = "valgrind", target_arch = "x86_64", unix))]
fn request(arguments: [usize; 6]) -> usize {
    let mut result = 0_usize;
    // SAFETY: four rotations by 128 bits in sum leave the register as it was, and an exchange
    // of a register with itself does nothing. Under valgrind the pair reads the arguments and
    // writes the result register. rbx is LLVM's own, but is not changed.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            inout("rdi") 0_usize => _,
            in("rax") arguments.as_ptr(),
            inout("rdx") result,
            options(nostack),
        );
    }
    result
}

#[cfg(not(all(feature = "valgrind", target_arch = "x86_64", unix)))]
fn request(_: [usize; 6]) -> usize {
    0
}
