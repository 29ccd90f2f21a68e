//! Keeping the running greenlet from being left.

use crate::exception::GreenletError;
use crate::thread::{Attention, Thread};
use crate::unwind;
use crate::virtual_thread;

/// Calls `f`, and refuses every switch and throw on this thread until it returns, with
/// [`GreenletError::Pinned`](crate::GreenletError::Pinned): for a callback that must return before
/// anything else happens, for example because C code below it is half-way through a change.
/// Greenlets that are dropped meanwhile are unwound as always.
///
/// ```
/// use greenlet_core::{GreenletError, getcurrent, pinned};
/// let error = pinned(|| getcurrent().switch(()).unwrap_err());
/// assert!(matches!(error.downcast_ref(), Some(GreenletError::Pinned)));
/// getcurrent().switch(())?;
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
pub fn pinned<R>(f: impl FnOnce() -> R) -> R {
    /// Unpins the greenlet, also when `f` panics.
    struct Unpin;

    impl Drop for Unpin {
        fn drop(&mut self) {
            Thread::with(|thread| thread.attended(Attention::PINNED));
        }
    }

    let outermost = Thread::with(|thread| {
        let outermost = !thread.pinned();
        thread.attend(Attention::PINNED);
        outermost
    });
    // `then_some` would make an `Unpin`, and drop it, in any case.
    let _unpin = outermost.then(|| Unpin);
    f()
}

/// Whether the running greenlet may be left now.
///
/// ```
/// use greenlet_core::{GreenletError, may_switch, pinned};
/// assert_eq!(may_switch(), Ok(()));
/// assert_eq!(pinned(may_switch), Err(GreenletError::Pinned));
/// ```
///
/// # Errors
/// [`GreenletError::Pinned`] inside [`pinned`], [`GreenletError::Unwinding`] in a greenlet that is
/// being unwound, [`GreenletError::ThreadEnding`] when the thread is over, and [`GreenletError::VirtualThread`] in a
/// virtual thread.
pub fn may_switch() -> Result<(), GreenletError> {
    Thread::with(|thread| {
        if thread.over() {
            Err(virtual_thread::why_over())
        } else if unwind::in_progress(thread) {
            Err(GreenletError::Unwinding)
        } else if thread.pinned() {
            Err(GreenletError::Pinned)
        } else {
            Ok(())
        }
    })
}
