//! Forks in a virtual thread.
//!
//! The C library's `fork` changes what it knows of the calling thread, which it finds by the thread pointer: in the
//! child its number, and that of all stacks only the caller's is in use. So a fork is done by the carrier: the first
//! handler changes the thread pointer, and the last one sets it back. Handlers that others have registered earlier run
//! on the carrier's thread pointer then, before and after the fork, and those that were registered later on the virtual
//! thread's own, before and after.

use std::cell::Cell;
use std::hint::black_box;

use super::crossing::pointers;
use super::processor::set_thread_pointer;

thread_local! {
    /// In a carrier, the thread pointer of the virtual thread that forks.
    static FORKING: Cell<usize> = const { Cell::new(0) };
}

/// Registers the handlers. Returns whether that was possible.
pub(super) fn install() -> bool {
    // SAFETY: the functions stay, as the program does not unload itself, and do nothing in real threads.
    unsafe { libc::pthread_atfork(Some(prepare), Some(done), Some(done)) == 0 }
}

unsafe extern "C" fn prepare() {
    if let Some(pointers) = pointers() {
        // SAFETY: the virtual thread runs inside of a call on this carrier. The function below is opaque.
        unsafe { set_thread_pointer(pointers.carrier) };
        black_box(remember as fn(usize))(pointers.own);
    }
}

#[inline(never)]
fn remember(own: usize) {
    FORKING.set(own);
}

unsafe extern "C" fn done() {
    let own = FORKING.replace(0);
    if own != 0 {
        // SAFETY: it is that of the virtual thread that has called `fork`, and nothing follows here.
        unsafe { set_thread_pointer(own) };
    }
}
