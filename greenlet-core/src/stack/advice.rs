//! Advice to the kernel about many pieces of our memory in one call: half the price of a call for
//! each.
//!
//! By `process_madvise`, a process can give advice about itself since Linux 6.13, and needs no file
//! descriptor for that since 6.15. On older kernels, where a sandbox forbids it, or once it has
//! failed, each piece takes a call of its own.

use std::ptr::NonNull;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

/// A piece of memory: where it begins, and how long it is.
pub(super) type Piece = (NonNull<u8>, usize);

/// How many pieces one call takes. The kernel would take more, but that saves nothing more.
pub(super) const MOST: usize = 64;

/// Stands for the process that calls, instead of a file descriptor.
#[cfg(target_os = "linux")]
const PIDFD_SELF: libc::c_int = -10_000;

#[cfg(target_os = "linux")]
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Gives advice about the first [`MOST`] pieces, or some of them, by one call. Returns how many bytes the
/// kernel has applied it to; none if there is no such call.
///
/// # Safety
/// As for `madvise` with each piece.
#[cfg(target_os = "linux")]
pub(super) unsafe fn give(pieces: &[Piece], advice: libc::c_int) -> Option<usize> {
    if REFUSED.load(Ordering::Relaxed) {
        return None;
    }
    let mut vector = [libc::iovec {
        iov_base: std::ptr::null_mut(),
        iov_len: 0,
    }; MOST];
    for ((low, len), place) in pieces.iter().zip(&mut vector) {
        place.iov_base = low.as_ptr().cast();
        place.iov_len = *len;
    }
    // SAFETY: `count` entries of the vector are filled in; the rest is this function's contract.
    let done = unsafe {
        let call = libc::SYS_process_madvise;
        let count = pieces.len().min(MOST);
        libc::syscall(call, PIDFD_SELF, vector.as_ptr(), count, advice, 0)
    };
    match usize::try_from(done) {
        Ok(done) => Some(done),
        Err(_) => {
            refuse();
            None
        }
    }
}

/// From now on each piece takes a call of its own.
#[cfg(target_os = "linux")]
pub(super) fn refuse() {
    REFUSED.store(true, Ordering::Relaxed);
}

/// Gives all pages of these pieces to the system. They read as zero when they are touched next.
/// Failing means that the memory stays.
///
/// # Safety
/// The pieces are in mappings of ours, and nobody needs their contents.
pub(super) unsafe fn give_pages_back(mut pieces: impl Iterator<Item = Piece>) {
    let mut batch = [(NonNull::dangling(), 0); MOST];
    loop {
        let mut count = 0;
        for (place, piece) in batch.iter_mut().zip(&mut pieces) {
            *place = piece;
            count += 1;
        }
        if count == 0 {
            return;
        }
        // SAFETY: by this function's contract.
        unsafe { give_batch_back(&batch[..count]) };
    }
}

/// Gives the pages of at most [`MOST`] pieces to the system.
///
/// # Safety
/// As for [`give_pages_back`].
unsafe fn give_batch_back(batch: &[Piece]) {
    #[cfg(target_os = "linux")]
    if batch.len() > 1 {
        let bytes = batch.iter().map(|(_, len)| len).sum();
        // SAFETY: by this function's contract.
        if unsafe { give(batch, libc::MADV_DONTNEED) } == Some(bytes) {
            return;
        }
    }
    for (low, len) in batch {
        // SAFETY: by this function's contract.
        unsafe { libc::madvise(low.as_ptr().cast(), *len, libc::MADV_DONTNEED) };
    }
}
