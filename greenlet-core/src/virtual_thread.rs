//! Virtual threads, as far as greenlets have to know of them: code that runs with thread-locals of its own.
//!
//! The crate `gevent-threading` runs a function on a greenlet's stack with another thread pointer, so that the
//! function finds the thread-locals of a fresh thread. This crate's thread-locals are among them: there the function
//! has no greenlets, and can make none that run. What still has to find the real thread's state meanwhile are signal
//! handlers, by the pointer that is here.

use std::cell::Cell;
use std::ptr;

use crate::exception::GreenletError;
use crate::thread::Thread;

thread_local! {
    /// In a virtual thread, the state of the thread that carries it. A handler may read it at any time, so it needs
    /// no initialisation.
    static CARRIER: Cell<*const Thread> = const { Cell::new(ptr::null()) };
}

/// The thread that carries virtual threads.
#[derive(Debug, Clone, Copy)]
pub struct Carrier(*const Thread);

impl Carrier {
    /// The calling thread.
    pub fn here() -> Carrier {
        Thread::with(|thread| Carrier(thread))
    }

    /// Makes the calling thread a virtual one. From now on no hub, loop or greenlet can be used in it: that fails with
    /// [`GreenletError::VirtualThread`].
    ///
    /// # Safety
    /// The calling code runs on a greenlet's stack of the carrier, with a thread pointer of its own, which is gone when
    /// that greenlet ends. It has not used this crate's thread-locals yet.
    pub unsafe fn begin_virtual_thread(self) {
        CARRIER.set(self.0);
    }
}

/// Whether the caller is in a virtual thread of the crate `gevent-threading`.
///
/// ```
/// assert!(!greenlet_core::is_virtual_thread());
/// ```
#[inline]
pub fn is_virtual_thread() -> bool {
    !CARRIER.get().is_null()
}

/// The state of the thread that a signal handler has interrupted.
#[inline]
pub(crate) fn interrupted() -> *const Thread {
    let carrier = CARRIER.get();
    if carrier.is_null() { Thread::peek() } else { carrier }
}

/// Why no greenlet runs where the thread is over.
pub(crate) fn why_over() -> GreenletError {
    if is_virtual_thread() {
        GreenletError::VirtualThread
    } else {
        GreenletError::ThreadEnding
    }
}
