//! Inside of the dynamic linker, nobody parks.
//!
//! Its lock lets the same thread in again, as an initialiser of a library may load another one. It knows threads by the
//! operating system's number, which all virtual threads of a carrier share at times, and it is of no use among
//! greenlets. So two of them inside would corrupt what it knows.
//!
//! `dlopen` looks for libraries where the *caller* says, whom it knows by its return address. So the call is passed on
//! by a jump in all threads that can never park. In the others the library that calls is this one, and a library with
//! search paths of its own has to name a file with its path.

use std::ffi::c_char;

use libc::{c_int, c_void, dl_phdr_info, size_t};

use super::never_parks;
use crate::originals::{Original, originals};

type Each = Option<unsafe extern "C-unwind" fn(info: *mut dl_phdr_info, size: size_t, data: *mut c_void) -> c_int>;
type DlIteratePhdr = unsafe extern "C-unwind" fn(Each, *mut c_void) -> c_int;

mod original {
    use super::*;

    originals! {
        dlclose(library: *mut c_void) -> c_int;
    }
}

/// dlclose(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn dlclose(library: *mut c_void) -> c_int {
    // SAFETY: by the prototype's contract.
    never_parks(|| unsafe { original::dlclose(library) })
}

/// dl_iterate_phdr(3), through which exceptions of its callback may go.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn dl_iterate_phdr(each: Each, data: *mut c_void) -> c_int {
    static ORIGINAL: Original = Original::new(c"dl_iterate_phdr");
    // SAFETY: the C library's function has this prototype.
    let original = unsafe { std::mem::transmute::<*mut c_void, DlIteratePhdr>(ORIGINAL.address()) };
    // SAFETY: by the prototype's contract.
    never_parks(|| unsafe { original(each, data) })
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod loads {
    use std::arch::naked_asm;
    use std::ptr;

    use libc::c_long;

    use super::*;
    use crate::patches;

    static DLOPEN: Original = Original::new(c"dlopen");
    static DLMOPEN: Original = Original::new(c"dlmopen");

    type Dlopen = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;
    type Dlmopen = unsafe extern "C" fn(c_long, *const c_char, c_int) -> *mut c_void;

    /// Whether the caller might park in there.
    fn might_park() -> bool {
        greenlet_core::is_virtual_thread() || patches::any_for_greenlets()
    }

    /// Where the C library's function is; null if the call is not to be passed on to it at once.
    extern "C" fn dlopen_to_jump_to() -> *mut c_void {
        if might_park() {
            ptr::null_mut()
        } else {
            DLOPEN.address()
        }
    }

    extern "C" fn dlmopen_to_jump_to() -> *mut c_void {
        if might_park() {
            ptr::null_mut()
        } else {
            DLMOPEN.address()
        }
    }

    unsafe extern "C" fn guarded_dlopen(name: *const c_char, flags: c_int) -> *mut c_void {
        // SAFETY: the C library's function has this prototype; by its contract.
        never_parks(|| unsafe { std::mem::transmute::<*mut c_void, Dlopen>(DLOPEN.address())(name, flags) })
    }

    unsafe extern "C" fn guarded_dlmopen(space: c_long, name: *const c_char, flags: c_int) -> *mut c_void {
        // SAFETY: the C library's function has this prototype; by its contract.
        never_parks(|| unsafe { std::mem::transmute::<*mut c_void, Dlmopen>(DLMOPEN.address())(space, name, flags) })
    }

    /// Asks `find`, with the three arguments kept, and jumps there with all as it was, or to `guarded`.
    #[cfg(target_arch = "x86_64")]
    macro_rules! pass_on {
        ($find:ident, $guarded:ident) => {
            naked_asm!(
                ".cfi_startproc",
                "push rdi",
                ".cfi_adjust_cfa_offset 8",
                "push rsi",
                ".cfi_adjust_cfa_offset 8",
                "push rdx",
                ".cfi_adjust_cfa_offset 8",
                "call {find}",
                "pop rdx",
                ".cfi_adjust_cfa_offset -8",
                "pop rsi",
                ".cfi_adjust_cfa_offset -8",
                "pop rdi",
                ".cfi_adjust_cfa_offset -8",
                "test rax, rax",
                "jz {guarded}",
                "jmp rax",
                ".cfi_endproc",
                find = sym $find,
                guarded = sym $guarded,
            )
        };
    }

    #[cfg(target_arch = "aarch64")]
    macro_rules! pass_on {
        ($find:ident, $guarded:ident) => {
            naked_asm!(
                ".cfi_startproc",
                "stp x29, x30, [sp, #-48]!",
                ".cfi_def_cfa_offset 48",
                ".cfi_offset x29, -48",
                ".cfi_offset x30, -40",
                "stp x0, x1, [sp, #16]",
                "str x2, [sp, #32]",
                "mov x29, sp",
                "bl {find}",
                "mov x16, x0",
                "ldp x0, x1, [sp, #16]",
                "ldr x2, [sp, #32]",
                "ldp x29, x30, [sp], #48",
                ".cfi_def_cfa_offset 0",
                ".cfi_restore x29",
                ".cfi_restore x30",
                "cbz x16, 2f",
                "br x16",
                "2:",
                "b {guarded}",
                ".cfi_endproc",
                find = sym $find,
                guarded = sym $guarded,
            )
        };
    }

    /// dlopen(3).
    #[unsafe(no_mangle)]
    #[unsafe(naked)]
    unsafe extern "C" fn dlopen(_name: *const c_char, _flags: c_int) -> *mut c_void {
        pass_on!(dlopen_to_jump_to, guarded_dlopen)
    }

    /// dlmopen(3).
    #[unsafe(no_mangle)]
    #[unsafe(naked)]
    unsafe extern "C" fn dlmopen(_space: c_long, _name: *const c_char, _flags: c_int) -> *mut c_void {
        pass_on!(dlmopen_to_jump_to, guarded_dlmopen)
    }
}
