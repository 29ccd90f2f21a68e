//! [`run`]: calls a function, and then ends the thread's greenlets.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use greenlet_core::unwind::{call_each, discard};
use greenlet_core::{Exception, GreenletError, getmain, is_virtual_thread, thread_is_over, unwind_all};

use crate::core::HubDestroyed;
use crate::exceptions::{NestedRunError, NotMainGreenletError};
use crate::local::{all_hubs, set_hub, set_loop};

thread_local! {
    /// Whether a `run` is going on.
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f`, and then ends this thread's greenlets. Returns the value of `f`.
///
/// After `f` the thread's hubs and their loops are destroyed and the remaining greenlets are unwound, so that the
/// destructors on their stacks run while everything that they use still exists. (To let greenlets finish instead, join
/// them in `f`.) Afterwards the old hub's handles give [`HubDestroyed`], and [`get_hub`](crate::get_hub) makes a new
/// hub.
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
/// [`NotMainGreenletError`] in another greenlet than the main one, [`NestedRunError`] inside of another `run`,
/// [`HubDestroyed`] when the thread is over, [`GreenletError::VirtualThread`] in a virtual one. `f` is not called then.
///
/// # Panics
/// Passes on a panic of `f`, after it has ended the greenlets all the same; else a panic of a destructor that this end
/// runs.
pub fn run<R>(f: impl FnOnce() -> R) -> Result<R, Exception> {
    if is_virtual_thread() {
        return Err(GreenletError::VirtualThread.into());
    }
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
    // Only a destructor panics in `end`. It runs only once, so the next call of `end` gets further.
    while let Err(panic) = catch_unwind(end) {
        outcome = match outcome {
            Ok(value) => {
                // The value may own something whose destructor panics, too.
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

/// Destroys the thread's hubs with their loops, and unwinds the greenlets. Meanwhile a destroyed hub is the thread's,
/// so that destructors which use the hub get an error.
fn end() {
    let mut hubs = Vec::new();
    loop {
        let known = hubs.len();
        for hub in all_hubs() {
            // The first call fails only outside of the main greenlet, where this is not called. The loop is destroyed
            // apart, because a hub that was destroyed before may have left its loop alone.
            let _ = hub.destroy(true);
            let _ = hub.loop_().destroy();
            if !hubs.contains(&hub) {
                hubs.push(hub);
            }
        }
        set_hub(hubs.last().cloned());
        unwind_all();
        // A destructor may have made another hub.
        if all_hubs().iter().all(|hub| hubs.contains(hub)) && hubs.len() == known {
            break;
        }
    }
    call_each(hubs.iter().map(|hub| || hub.let_go()));
    set_hub(None);
    set_loop(None);
}
