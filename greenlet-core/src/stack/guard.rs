//! The guard below a stack: how large it is, and how it is made, in the cheapest way the kernel has.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, Ordering};

#[cfg(target_os = "linux")]
use super::advice;
use super::advice::Piece;
use super::{StackError, page_size, room, valgrind};

/// Linux 6.13: makes pages fault on access without a mapping of their own, which is what lets
/// a million stacks be guarded.
#[cfg(target_os = "linux")]
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// The environment variable for tests: `mprotect` has greenlets do without `MADV_GUARD_INSTALL`, and
/// `madvise` without advice about many guards at once.
#[cfg(target_os = "linux")]
const VARIABLE: &str = "GREENLET_GUARD";

/// How guards are made, which is found out at the first one.
static KIND: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
#[cfg(target_os = "linux")]
const MADVISE: u8 = 1;
const MPROTECT: u8 = 2;

/// A guard has at least so many bytes. C code compiled without stack probes steps over one page easily: a
/// buffer for a path has 4096 bytes already. 64 KiB stop every frame that is not larger; it is also what
/// gcc takes for granted on aarch64 when it does put probes in.
const LEAST: usize = 64 * 1024;

/// How large the guard below a stack of `size` bytes is. Both are whole numbers of pages.
///
/// Stack and guard together are an odd number of pages. With a multiple of 16, all stacks would begin at
/// the same few places of the processor's caches for addresses, and the [distances] from their ends would
/// all be the same.
///
/// [distances]: super::Stack::top
pub(super) fn len(size: usize) -> usize {
    let page = page_size();
    let guard = LEAST.next_multiple_of(page);
    if (size / page + guard / page).is_multiple_of(2) {
        guard + page
    } else {
        guard
    }
}

/// Makes every access to these guards fault, or to the first few of them. Returns to how many, at least
/// one.
///
/// # Safety
/// There is at least one guard, all are equally long, and each is whole pages inside a private anonymous
/// mapping of ours that nobody reads or writes.
pub(super) unsafe fn install(guards: &[Piece]) -> Result<usize, StackError> {
    let (low, len) = guards[0];
    // SAFETY: by this function's contract.
    unsafe {
        match KIND.load(Ordering::Relaxed) {
            UNKNOWN => install_first(low, len)?,
            #[cfg(target_os = "linux")]
            MADVISE => {
                if let Some(done @ 1..) = install_many(guards) {
                    return Ok(done);
                }
                match madvise(low, len) {
                    // Locked memory (`mlockall`) cannot be guarded that way by every kernel.
                    Err(error) if error.raw_os_error() == Some(libc::EINVAL) => mprotect(low, len)?,
                    guarded => guarded.map_err(|source| StackError::Guard { source })?,
                }
            }
            _ => mprotect(low, len)?,
        }
    }
    Ok(1)
}

/// Does [`install`] by a single call, where the kernel has one for many pieces.
///
/// # Safety
/// As for [`install`].
#[cfg(target_os = "linux")]
unsafe fn install_many(guards: &[Piece]) -> Option<usize> {
    // SAFETY: a guard changes nothing but pages that nobody reads or writes.
    let done = unsafe { advice::give(guards, MADV_GUARD_INSTALL)? } / guards[0].1;
    // The last guard is checked, as after the call for a single one: an emulator may have ignored the advice.
    (done > 0 && faults(guards[done - 1])).then_some(done)
}

/// Makes the process's first guard, and finds out how that is done here.
///
/// # Safety
/// As for [`install`].
#[cold]
unsafe fn install_first(low: NonNull<u8>, len: usize) -> Result<(), StackError> {
    #[cfg(target_os = "linux")]
    let wanted = std::env::var_os(VARIABLE);
    #[cfg(target_os = "linux")]
    if wanted.as_ref().is_some_and(|kind| kind == "madvise") {
        advice::refuse();
    }
    #[cfg(target_os = "linux")]
    // valgrind knows of mprotect only, and dies when it looks at a page guarded otherwise.
    if !valgrind::ON && wanted.is_none_or(|kind| kind != "mprotect") {
        // SAFETY: by this function's contract.
        match unsafe { madvise(low, len) } {
            Ok(()) if faults((low, len)) => {
                KIND.store(MADVISE, Ordering::Relaxed);
                return Ok(());
            }
            // This is an emulator, such as qemu, that accepts any advice and does nothing about it.
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
            Err(source) => return Err(StackError::Guard { source }),
        }
    }
    KIND.store(MPROTECT, Ordering::Relaxed);
    // SAFETY: by this function's contract.
    unsafe { mprotect(low, len) }
}

/// # Safety
/// As for [`install`].
#[cfg(target_os = "linux")]
unsafe fn madvise(low: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the range is ours and unused, by this function's contract.
    match unsafe { libc::madvise(low.as_ptr().cast(), len, MADV_GUARD_INSTALL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether a guard's last page, which is made last and which an overflow meets first, cannot be read. The
/// kernel is asked by a system call that reads a path there.
#[cfg(target_os = "linux")]
fn faults((low, len): Piece) -> bool {
    // SAFETY: the page is inside the guard. If it can be read it is all zero, which is an empty path, and
    // otherwise the call fails.
    let accessible = unsafe {
        let last = low.add(len - page_size());
        libc::access(last.as_ptr().cast(), libc::F_OK)
    };
    accessible != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
}

/// # Safety
/// As for [`install`].
unsafe fn mprotect(low: NonNull<u8>, len: usize) -> Result<(), StackError> {
    room::hold_mappings().map_err(|source| StackError::Guard { source })?;
    // SAFETY: the range is ours and unused, by this function's contract.
    match unsafe { libc::mprotect(low.as_ptr().cast(), len, libc::PROT_NONE) } {
        0 => Ok(()),
        _ => {
            let source = io::Error::last_os_error();
            room::release_mappings();
            Err(StackError::Guard { source })
        }
    }
}
