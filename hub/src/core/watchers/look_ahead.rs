//! Fetching ahead what the next events will need.
//!
//! One iteration may bring thousands of events, each for another greenlet, and nothing of all these is in the
//! processor's caches. The way to a greenlet has three steps, each of which waits for the one before: to the body, to
//! the greenlet, to its stack. So while one event is delivered, the third step of an event soon to come is taken, the
//! second step of a later one, and the first of one still later.

use greenlet_core::prefetch;
use libev_sys as ev;
use libev_sys::{ev_loop, ev_watcher};

use crate::core::watchers::body::{BodyBase, RawCallback, body_of, fire};

/// The steps are taken so many events before the one that needs them.
const NODE: usize = 6;
const GREENLET: usize = 3;
const STACK: usize = 1;

/// A body with its watcher takes so many cache lines, about.
const NODE_LINES: usize = 3;

/// From a wait for a watcher up to the function that reads from a socket, say, it is so many.
const STACK_LINES: usize = 12;

/// Looks at the events after the one that is being delivered, as far as they are for watchers of ours.
///
/// # Safety
/// `raw_loop` is alive.
#[inline]
pub(in crate::core) unsafe fn look_ahead(raw_loop: *mut ev_loop) {
    let mut count = 0;
    // SAFETY: the loop is alive.
    let events = unsafe { ev::ev_shim_loop_pendings(raw_loop, &mut count) };
    let count = count as usize;
    // SAFETY: the callers have seen that there are more than `n`; libev is not called meanwhile.
    let watcher = |n| unsafe { (*events.add(count - 1 - n)).w };
    let base = |watcher: *mut ev_watcher| {
        let ours: RawCallback<ev_watcher> = fire;
        // SAFETY: the watchers that libev is about to call are alive.
        let callback = unsafe { (*watcher).cb };
        let is_ours = callback.is_some_and(|callback| callback as usize == ours as usize);
        // SAFETY: so it is a body's; a pending watcher's body is alive.
        is_ours.then(|| unsafe { body_of(watcher).as_ref() })
    };
    if count <= STACK {
        return;
    }
    if let Some(base) = base(watcher(STACK)) {
        base.handler.with_greenlet(|g| {
            g.prefetch_rest();
            g.prefetch_stack(STACK_LINES);
        });
    }
    if count <= GREENLET {
        return;
    }
    if let Some(base) = base(watcher(GREENLET)) {
        base.handler.with_greenlet(|g| g.prefetch());
    }
    if count <= NODE {
        return;
    }
    // The base comes before it.
    let body = watcher(NODE)
        .cast::<BodyBase>()
        .cast_const()
        .wrapping_sub(1);
    (0..NODE_LINES).for_each(|line| prefetch::line(body.cast(), line));
}
