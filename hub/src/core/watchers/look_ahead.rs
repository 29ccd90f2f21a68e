//! Prefetches the memory that the next events will need.
//!
//! One iteration may bring thousands of events, each for another greenlet, whose memory is not in the processor's
//! caches. The way to that memory has three steps, each of which needs the one before: to the body, from there to the
//! greenlet, from there to its stack. So while one event is delivered, this takes the third step for an event that
//! comes soon, the second step for a later one, and the first step for one that is still later.

use greenlet_core::prefetch;
use libev_sys as ev;
use libev_sys::{ev_loop, ev_watcher};

use crate::core::watchers::body::{BodyBase, RawCallback, body_of, fire};

/// How many events ahead each step is taken.
const NODE: usize = 6;
const GREENLET: usize = 3;
const STACK: usize = 1;

/// How many cache lines a body with its watcher takes, about.
const NODE_LINES: usize = 3;

/// How many cache lines the stack of a waiting greenlet has, from the wait up to a function that reads from a socket,
/// for example.
const STACK_LINES: usize = 12;

/// Prefetches for the events after the one that is being delivered, as far as they are for our watchers.
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
        // SAFETY: only bodies have this callback, so the watcher is in a body. A pending watcher's body is alive.
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
    // The body begins with its base, right before the watcher.
    let body = watcher(NODE).cast::<BodyBase>().cast_const().wrapping_sub(1);
    (0..NODE_LINES).for_each(|line| prefetch::line(body.cast(), line));
}
