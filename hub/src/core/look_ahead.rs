//! Fetching ahead what the next events will need.
//!
//! One iteration may bring thousands of events, each for another greenlet, and nothing of all these is in the
//! processor's caches. The way to a greenlet has three steps, each of which waits for the one before: to the node, to
//! the greenlet, to its stack. So while one event is delivered, the next one's third step is taken, the second step
//! of the one after that, and the first of a third.

use greenlet_core::prefetch;
use libev_sys as ev;
use libev_sys::{ev_loop, ev_watcher};

use super::node::{Base, RawCallback, fire, node_of};

/// A node with its watcher takes so many cache lines, about.
const NODE_LINES: usize = 3;

/// From a wait for a watcher up to the function that reads from a socket, say, it is so many.
const STACK_LINES: usize = 12;

/// Looks at the events after the one that is being delivered, as far as they are for watchers of ours.
///
/// # Safety
/// `raw_loop` is alive.
#[inline]
pub(super) unsafe fn look_ahead(raw_loop: *mut ev_loop) {
    // SAFETY: the loop is alive.
    let watcher = |n| unsafe { ev::ev_shim_loop_next_pending(raw_loop, n) };
    let base = |watcher: *mut ev_watcher| {
        let ours: RawCallback<ev_watcher> = fire;
        // SAFETY: the watchers that libev is about to call are alive.
        let callback = unsafe { (*watcher).cb };
        let is_ours = callback.is_some_and(|callback| callback as usize == ours as usize);
        // SAFETY: so it is a node's; a pending watcher's node is alive.
        is_ours.then(|| unsafe { node_of(watcher).as_ref() })
    };
    let next = watcher(1);
    if next.is_null() {
        return;
    }
    if let Some(base) = base(next) {
        base.handler
            .with_greenlet(|g| g.prefetch_stack(STACK_LINES));
    }
    let second = watcher(3);
    if second.is_null() {
        return;
    }
    if let Some(base) = base(second) {
        base.handler.with_greenlet(|g| g.prefetch());
    }
    let third = watcher(6).cast::<u8>().cast_const();
    // The base comes before it.
    let third = third.wrapping_sub(size_of::<Base>());
    (0..NODE_LINES).for_each(|line| prefetch::line(third, line));
}
