//! `std::thread::park`, on which the channels of std and of crossbeam are built.
//!
//! It waits for a word that belongs to the operating system's thread, and takes it that this parks once at a time. All
//! greenlets of the thread have the same, and a token for one would be taken by another. So plain greenlets do not park
//! there.
//!
//! Where the word is, is found by watching a thread of std's that parks.

use std::cell::Cell;
use std::mem::{size_of, transmute_copy};
use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::Duration;

/// How far the word is from where the thread's handle points; None if std parks in another way.
static OFFSET: OnceLock<Option<usize>> = OnceLock::new();

thread_local! {
    /// The word that this thread has waited for, while it is watched.
    static WATCHED: Cell<Option<usize>> = const { Cell::new(None) };
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Told of each wait that is the kernel's.
#[inline]
pub(super) fn watch(address: usize) {
    if IS_WATCHED.get() {
        WATCHED.set(Some(address));
    }
}

/// Learns how std parks. To be called in a fresh thread of std's.
pub(crate) fn learn() {
    OFFSET.get_or_init(|| {
        let handle = handle(&thread::current())?;
        IS_WATCHED.set(true);
        thread::park_timeout(Duration::from_nanos(1));
        IS_WATCHED.set(false);
        WATCHED.take()?.checked_sub(handle).filter(|offset| *offset < 1 << 10)
    });
}

/// Where the handle of a thread points.
fn handle(thread: &Thread) -> Option<usize> {
    // SAFETY: a handle of this size is a pointer, or at least plain bytes of which nothing is asked but an address.
    (size_of::<Thread>() == size_of::<usize>()).then(|| unsafe { transmute_copy::<Thread, usize>(thread) })
}

/// Whether the calling thread parks by this word.
pub(super) fn is_own(address: usize) -> bool {
    let offset = OFFSET.get().copied().flatten();
    let own = offset
        .zip(handle(&thread::current()))
        .map(|(offset, handle)| handle + offset);
    own == Some(address)
}
