//! The guard page at a stack's low end, in the cheapest way the kernel has.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use super::StackError;

/// Linux 6.13: makes pages fault on access without a mapping of their own, which is what lets
/// a million stacks be guarded.
#[cfg(target_os = "linux")]
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// Whether the kernel has refused `MADV_GUARD_INSTALL` once; it will go on doing so.
static REFUSED: AtomicBool = AtomicBool::new(cfg!(not(target_os = "linux")));

/// Makes every access to the page at `low` fault.
///
/// # Safety
/// `low` is page-aligned, `len` a whole number of pages, all inside one private anonymous
/// mapping of ours that nobody reads or writes there.
pub(super) unsafe fn install(low: NonNull<u8>, len: usize) -> Result<(), StackError> {
    #[cfg(target_os = "linux")]
    if !REFUSED.load(Ordering::Relaxed) {
        // SAFETY: the range is ours and unused, says the caller.
        if unsafe { libc::madvise(low.as_ptr().cast(), len, MADV_GUARD_INSTALL) } == 0 {
            return Ok(());
        }
        let source = io::Error::last_os_error();
        if source.raw_os_error() != Some(libc::EINVAL) {
            return Err(StackError::Guard { source });
        }
        REFUSED.store(true, Ordering::Relaxed);
    }
    // SAFETY: as above.
    match unsafe { libc::mprotect(low.as_ptr().cast(), len, libc::PROT_NONE) } {
        0 => Ok(()),
        _ => Err(StackError::Guard {
            source: io::Error::last_os_error(),
        }),
    }
}
