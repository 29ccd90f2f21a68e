//! [`direct`]: calls of the system that are made as they stand.
//!
//! A program may have functions of its own in the place of the C library's, which let other greenlets run before they
//! return: the crate `gevent-monkey` is such a thing. Code that does the waiting itself, as the hub and gevent's
//! sockets do, must not wait in there as well. It says so here, and those functions ask.

use std::cell::Cell;

thread_local! {
    /// How many times the thread has begun and not ended. Without a destructor and an initialiser, so that it can be
    /// read at any time, in a signal handler, too.
    static BEGUN: Cell<u32> = const { Cell::new(0) };
}

/// Calls `f`, in which no call of the system lets another greenlet run, or another virtual thread. `f` itself does not
/// switch either.
#[inline(always)]
pub fn direct<R>(f: impl FnOnce() -> R) -> R {
    let _direct = Direct::begin();
    f()
}

/// Whether calls of the system are to be made as they stand.
///
/// ```
/// use greenlet_core::{direct, is_direct};
///
/// assert!(!is_direct());
/// assert!(direct(is_direct));
/// ```
#[inline(always)]
pub fn is_direct() -> bool {
    BEGUN.get() != 0
}

/// Calls of the system are made as they stand, until this is dropped.
#[derive(Debug)]
pub struct Direct {
    /// It is the thread's that has begun.
    _here: std::marker::PhantomData<*const ()>,
}

impl Direct {
    /// From now on.
    #[inline(always)]
    pub fn begin() -> Direct {
        BEGUN.set(BEGUN.get().wrapping_add(1));
        Direct {
            _here: std::marker::PhantomData,
        }
    }
}

impl Drop for Direct {
    #[inline(always)]
    fn drop(&mut self) {
        BEGUN.set(BEGUN.get().wrapping_sub(1));
    }
}
