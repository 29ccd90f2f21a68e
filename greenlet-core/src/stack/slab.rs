//! A slab: one mapping that many stacks of one size are carved from.
//!
//! ```text
//!   low                                                                  high
//!   ┌───────┬─────────────┬───────┬─────────────┬───────┬─────────────┐
//!   │ guard │ stack 0     │ guard │ stack 1     │ guard │ stack 2     │ ...
//!   └───────┴─────────────┴───────┴─────────────┴───────┴─────────────┘
//!           grows <───────        grows <───────        grows <───────
//! ```

use std::io;
use std::ptr::NonNull;

use super::{StackError, page_size};

/// A reservation of address space; pages take memory when they are first touched.
pub(super) struct Slab {
    base: NonNull<u8>,
    len: usize,
}

impl Slab {
    /// Reserves room for `count` slots of `slot` bytes (a whole number of pages).
    pub(super) fn reserve(slot: usize, count: usize) -> Result<Slab, StackError> {
        debug_assert_eq!(slot % page_size(), 0);
        // No mapping may be larger than the offsets of pointers can span.
        let failed = |source| StackError::Reserve {
            bytes: slot.saturating_mul(count),
            source,
        };
        let len = slot
            .checked_mul(count)
            .filter(|len| isize::try_from(*len).is_ok())
            .ok_or_else(|| failed(io::ErrorKind::OutOfMemory.into()))?;
        #[cfg(target_os = "linux")]
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        #[cfg(not(target_os = "linux"))]
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
        // SAFETY: a fresh anonymous mapping where the kernel likes disturbs nothing.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(failed(io::Error::last_os_error()));
        }
        let base = NonNull::new(base.cast::<u8>()).expect("mmap never maps page 0 unasked");
        #[cfg(target_os = "linux")]
        // A huge page would give every stack 2 MiB at its first touch. Failing is harmless: a
        // kernel without transparent huge pages does not know the advice.
        // SAFETY: the mapping is ours; the advice changes no contents.
        unsafe {
            libc::madvise(base.as_ptr().cast(), len, libc::MADV_NOHUGEPAGE);
        }
        Ok(Slab { base, len })
    }

    /// How many bytes of address space it has.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The low end of slot `index` of `slot` bytes.
    pub(super) fn slot(&self, slot: usize, index: usize) -> NonNull<u8> {
        assert!((index + 1) * slot <= self.len);
        // SAFETY: the slot is inside the mapping, by the assertion.
        unsafe { self.base.add(index * slot) }
    }

    /// Gives the address space back.
    ///
    /// # Safety
    /// No stack of this slab is in use, nor will be.
    pub(super) unsafe fn unmap(self) {
        // SAFETY: the mapping is ours, and unused by this function's contract.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
