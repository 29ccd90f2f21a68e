//! The room that stacks leave to everything else: they do not take the last of the address space or of the memory
//! mappings. A heap that cannot grow ends the process, and to report that a greenlet got no stack takes memory.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::page_size;

/// So many bytes of address space are left free.
const BYTES: usize = 4 << 20;

/// So many memory mappings are left free, on kernels where guards take some.
const MAPPINGS: usize = 128;

/// Whether there is still so much address space after the slab that has just been made.
pub(super) fn is_left() -> bool {
    match map(BYTES) {
        Ok(base) => {
            // SAFETY: the mapping was just made, and nobody else knows of it.
            unsafe { libc::munmap(base.cast(), BYTES) };
            true
        }
        Err(_) => false,
    }
}

/// A piece of memory that takes all these mappings; null while others may have them.
static HELD: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// Sees to it that mappings are held back, before a guard takes others.
pub(super) fn hold_mappings() -> io::Result<()> {
    if HELD.load(Ordering::Acquire).is_null() {
        hold()
    } else {
        Ok(())
    }
}

#[cold]
fn hold() -> io::Result<()> {
    let (page, len) = (page_size(), held_len());
    let base = map(len)?;
    for index in (0..MAPPINGS).step_by(2) {
        // Neighbours of different protection are mappings of their own.
        // SAFETY: the page is inside the mapping that was just made, and nobody else knows of it.
        if unsafe { libc::mprotect(base.add(index * page).cast(), page, libc::PROT_READ) } != 0 {
            let error = io::Error::last_os_error();
            // SAFETY: the mapping was just made, and nobody else knows of it.
            unsafe { libc::munmap(base.cast(), len) };
            return Err(error);
        }
    }
    give_back(HELD.swap(base, Ordering::AcqRel));
    Ok(())
}

/// Lets others have the mappings that were held back, when a guard could not get any.
#[cold]
pub(super) fn release_mappings() {
    give_back(HELD.swap(ptr::null_mut(), Ordering::AcqRel));
}

fn give_back(held: *mut u8) {
    if !held.is_null() {
        // SAFETY: `hold` has made the mapping, and the caller has taken it out of `HELD`, so nobody else has it.
        unsafe { libc::munmap(held.cast(), held_len()) };
    }
}

fn held_len() -> usize {
    MAPPINGS * page_size()
}

/// A new mapping that cannot be used.
fn map(len: usize) -> io::Result<*mut u8> {
    #[cfg(target_os = "linux")]
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    #[cfg(not(target_os = "linux"))]
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
    // SAFETY: a fresh anonymous mapping where the kernel likes disturbs nothing.
    let base = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        Err(io::Error::last_os_error())
    } else {
        Ok(base.cast())
    }
}
