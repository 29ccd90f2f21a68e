//! From libev's callback to the user's. Source: gevent's `gevent_callback` in callbacks.c.

use greenlet_core::unwind::{Caught, catch};

use super::Events;
use super::boundary;
use super::loop_::Loop;
use super::node_ref::NodeRef;

/// Runs the node's handler, reports its error, and stops the watcher if it is over.
///
/// The handler may switch greenlets, run the loop, stop or close the watcher, drop its last handle, and destroy
/// the loop.
pub(super) fn dispatch(loop_: &Loop, node: NodeRef, revents: i32) {
    if boundary::is_unwinding() {
        boundary::defer(node, revents);
        return;
    }
    let call = node.handler.begin();
    let failed = match catch(|| call.run(Events::from_bits(revents))) {
        Ok(Ok(())) => false,
        Ok(Err(exception)) | Err(Caught::Panic(exception)) => {
            loop_.report(Some(&node), exception);
            true
        }
        Err(Caught::Forced(unwind)) => {
            boundary::stash(&loop_.state().backing, unwind);
            false
        }
    };
    // A failing io watcher would fire and fail for ever.
    let runaway = failed && Events::from_bits(revents).intersects(Events::READWRITE);
    // libev has stopped a one-shot timer by itself, and what was fed was never started: now it is over. If the
    // callback started or fed the watcher again, it is not. (gevent asks only whether it is active, and so loses
    // an event that a watcher feeds to itself.)
    if (runaway || !(node.is_active() || node.is_pending()))
        && let Ok(raw_loop) = loop_.look()
    {
        // SAFETY: `look` says that the node's loop is alive.
        unsafe { node.stop(raw_loop) };
    }
    drop(call);
}
