//! [`Inside`]: what is not to be cut in two by a fork.
//!
//! The child of a fork has only the thread that forked. A lock that another thread held just then would be locked
//! there for ever, and what it guards half changed. So a fork waits until nobody is inside, and who wants to enter
//! waits until it is over.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::yield_now;

static INSIDE: AtomicUsize = AtomicUsize::new(0);
static FORKING: AtomicUsize = AtomicUsize::new(0);

/// While it exists, in whatever thread, no other thread forks. To be held for a short time, and by no code that
/// may fork itself.
pub(super) struct Inside(());

impl Inside {
    #[inline]
    pub(super) fn enter() -> Inside {
        watch();
        loop {
            // In this order, and the other way round in `prepare`: one of the two sees the other.
            INSIDE.fetch_add(1, Ordering::SeqCst);
            if FORKING.load(Ordering::SeqCst) == 0 {
                return Inside(());
            }
            INSIDE.fetch_sub(1, Ordering::SeqCst);
            yield_now();
        }
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::Release);
    }
}

/// Has every fork call the three functions below. Threads that come here at the same time may each see to it: they
/// count, so that twice is fine. (A `Once` could be left locked in the child of a fork just then.)
#[inline]
fn watch() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.load(Ordering::Acquire) {
        // SAFETY: the three use nothing but the statics, and call nothing that a fork could hold up. Failing means
        // that there is no memory, and a fork less safe.
        unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) };
        WATCHED.store(true, Ordering::Release);
    }
}

extern "C" fn prepare() {
    FORKING.fetch_add(1, Ordering::SeqCst);
    while INSIDE.load(Ordering::SeqCst) > 0 {
        yield_now();
    }
}

extern "C" fn in_parent() {
    FORKING.fetch_sub(1, Ordering::SeqCst);
}

extern "C" fn in_child() {
    // Others may have been about to enter, or to fork as well: here they do not exist.
    INSIDE.store(0, Ordering::SeqCst);
    FORKING.store(0, Ordering::SeqCst);
}
