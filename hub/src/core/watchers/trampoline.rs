//! The way from libev's callback to the watcher's handler. Source: gevent's `gevent_callback` in callbacks.c.

use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, catch};

use crate::context::Context;
use crate::core::event_loop::c_frames;
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body_ref::BodyRef;
use crate::core::watchers::handler::Call;
use crate::core::watchers::watcher::Watcher;
use crate::core::{Events, Io};

/// Runs the body's handler, reports its error, and stops the watcher if it is over. No panic leaves this function.
///
/// The handler may switch greenlets, run the loop, stop or close the watcher, drop the watcher's last handle, and
/// destroy the loop.
#[inline]
pub(in crate::core) fn dispatch(loop_: Loop, body: BodyRef, revents: i32) {
    if c_frames::is_unwinding() {
        c_frames::defer(body, revents);
        return c_frames::exit(loop_);
    }
    let events = Events::from_bits(revents);
    match body.handler.begin_own() {
        Some(handler) => call(&loop_, &body, handler, events),
        None => call(&loop_, &body, body.handler.begin_other(), events),
    }
    if body.is_kept() {
        drop(body);
    } else {
        c_frames::guard(&loop_, || drop(body));
    }
    c_frames::exit(loop_);
}

#[inline(always)]
fn call(loop_: &Loop, body: &BodyRef, call: impl Call, events: Events) {
    match catch(|| call.run(events)) {
        // The watcher goes on.
        Ok(Ok(())) if body.is_known_to_libev() && call.ends_quietly() => {}
        result => c_frames::guard(loop_, || end(loop_, body, call, result, events)),
    }
}

/// Deals with the result of a call, unless the watcher simply goes on.
fn end(loop_: &Loop, body: &BodyRef, call: impl Call, result: Result<Result<(), Exception>, Caught>, events: Events) {
    let failed = match result {
        Ok(Ok(())) => false,
        Ok(Err(exception)) | Err(Caught::Panic(exception)) => {
            report(loop_, body, &call, events, exception);
            true
        }
        Err(Caught::Forced(unwind)) => {
            c_frames::stash(&loop_.state().shared, unwind);
            false
        }
    };
    // A failing io watcher would fire and fail for ever.
    let runaway = failed && events.intersects(Events::READWRITE);
    // libev has stopped a one-shot timer by itself, and a watcher that was fed may never have been started: such a
    // watcher is over now, unless the callback has started or fed it again. (gevent asks only whether it is active, and
    // so loses an event that a watcher feeds to itself.)
    if (runaway || !body.is_known_to_libev())
        && let Ok(raw_loop) = loop_.look()
    {
        // SAFETY: `look` says that the body's loop is alive.
        unsafe { body.stop(raw_loop) };
    }
    drop(call);
}

/// Reports the error of a call. As in gevent, the context is the greenlet if the watcher only had to wake one.
#[cold]
fn report(loop_: &Loop, body: &BodyRef, call: &impl Call, events: Events, exception: Exception) {
    let watcher;
    let context = match call.woken() {
        // `handler::wake` has thrown this reason into the greenlet.
        Some(greenlet) if Io::refused(events).is_some() => Context::Throw(greenlet),
        Some(greenlet) => Context::Switch(greenlet),
        None => {
            watcher = Watcher::new(loop_, body.clone());
            Context::Watcher(&watcher)
        }
    };
    loop_.report(context, exception);
}
