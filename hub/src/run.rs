//! [`run`]: the part of a thread in which there are greenlets, with a beginning and an end.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use greenlet_core::unwind::{call_each, discard};
use greenlet_core::{Exception, getmain, thread_is_over, unwind_all};

use crate::core::HubDestroyed;
use crate::exceptions::{NestedRunError, NotMainGreenletError};
use crate::local::{all_hubs, set_hub, set_loop};

thread_local! {
    /// Whether a `run` is going on.
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f`, and ends this thread's greenlets while everything that they use is there: gives back what
/// `f` returned, after the thread's hubs and their loops are destroyed and the greenlets that are left are
/// unwound, so that the destructors on their stacks have run. Who wants them finished instead joins them in `f`. Afterwards the
/// hub's handles give [`HubDestroyed`], and [`get_hub`](crate::get_hub) makes a new hub.
///
/// A thread that uses greenlets outside of `run` and just returns runs none of those destructors.
///
/// ```
/// use hub::{get_hub, run, sleep};
/// let hub = run(|| {
///     sleep(0.001)?;
///     Ok::<_, greenlet_core::Exception>(get_hub())
/// })??;
/// assert!(hub.destroyed() && get_hub() != hub);
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
///
/// # Errors
/// Without calling `f`: [`NotMainGreenletError`] in another than the thread's main greenlet,
/// [`NestedRunError`] inside of another `run`, [`HubDestroyed`] when the thread is over.
///
/// # Panics
/// If `f` does, after the same end; else if a destructor does that is run by the end.
pub fn run<R>(f: impl FnOnce() -> R) -> Result<R, Exception> {
    if thread_is_over() {
        return Err(HubDestroyed.into());
    }
    if !getmain().is_current() {
        return Err(NotMainGreenletError.into());
    }
    if RUNNING.replace(true) {
        return Err(NestedRunError.into());
    }
    let _running = InsideRun;
    let mut outcome = catch_unwind(AssertUnwindSafe(f));
    // What panics is a destructor, which runs once: the rest has its turn then.
    while let Err(panic) = catch_unwind(end) {
        outcome = match outcome {
            Ok(value) => {
                // It may own what panics again.
                if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                    discard(another);
                }
                Err(panic)
            }
            Err(first) => {
                discard(panic);
                Err(first)
            }
        };
    }
    outcome.or_else(|panic| resume_unwind(panic))
}

struct InsideRun;

impl Drop for InsideRun {
    fn drop(&mut self) {
        RUNNING.set(false);
    }
}

/// Destroys the thread's hubs with their loops, and unwinds the greenlets while a destroyed one is still the
/// thread's: what their destructors want of it is an error.
fn end() {
    let mut hubs = Vec::new();
    loop {
        let known = hubs.len();
        for hub in all_hubs() {
            // Refused in other greenlets than the main one only; a hub that is destroyed may have left its loop.
            let _ = hub.destroy(true);
            let _ = hub.loop_().destroy();
            if !hubs.contains(&hub) {
                hubs.push(hub);
            }
        }
        set_hub(hubs.last().cloned());
        unwind_all();
        // A destructor may have made another one.
        if all_hubs().iter().all(|hub| hubs.contains(hub)) && hubs.len() == known {
            break;
        }
    }
    call_each(hubs.iter().map(|hub| || hub.let_go()));
    set_hub(None);
    set_loop(None);
}
