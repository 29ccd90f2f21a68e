//! Keeps panics and unwinding off libev's C frames, and knows when libev may not be entered.
//!
//! A callback that libev calls is Rust code with C frames below it. A panic would jump over those frames, and so would
//! the [`ForcedUnwind`] of a greenlet whose last handle was dropped. Every `extern "C"` function of this module
//! therefore runs its body in [`enter`]. A panic is reported. A forced unwinding is *stashed*: the loops whose runs
//! are on this stack are told to break, events that libev still delivers meanwhile are put aside ([`defer`]), and the
//! Rust code that called libev goes on unwinding ([`leave`]) once C's frames are gone. No greenlet is switched to
//! between the two, so one stash per thread is enough. A greenlet that is only [told](is_told) to end leaves libev in
//! the same way, with nothing stashed.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::thread;

use greenlet_core::pinned;
use greenlet_core::unwind::{Caught, ForcedUnwind, catch, insist, is_told};
use libev_sys as ev;

use crate::core::event_loop::loop_::Loop;
use crate::core::event_loop::shared_loop::{self as shared_loop, SharedLoop};
use crate::core::watchers::body::feed_again;
use crate::core::watchers::body_ref::BodyRef;

// None of these variables needs a destructor, so they can be used while the thread ends, too: hubs are destroyed then.
// The stash and the deferred events are empty whenever no unwinding is under way.
thread_local! {
    static UNWINDING: Cell<bool> = const { Cell::new(false) };
    static UNINTERRUPTIBLE: Cell<bool> = const { Cell::new(false) };
    static STASH: RefCell<ManuallyDrop<Option<ForcedUnwind>>> = const { RefCell::new(ManuallyDrop::new(None)) };
    static DEFERRED: RefCell<ManuallyDrop<Vec<Deferred>>> = const { RefCell::new(ManuallyDrop::new(Vec::new())) };
}

/// An event that could not be delivered.
type Deferred = (BodyRef, i32);

/// Whether this thread is inside a callback from which libev must not be called.
#[inline]
pub(in crate::core) fn is_uninterruptible() -> bool {
    UNINTERRUPTIBLE.get()
}

/// Runs `f`, a callback that libev calls at a moment when its state is not to be touched. No panic leaves `f`, and no
/// switch: another greenlet could touch that state, or never come back.
pub(in crate::core) fn uninterruptible<R>(f: impl FnOnce() -> R) -> Result<R, Caught> {
    let before = UNINTERRUPTIBLE.replace(true);
    let result = catch(|| pinned(f));
    UNINTERRUPTIBLE.set(before);
    result
}

/// Whether a forced unwinding waits for C's frames to leave.
#[inline]
pub(in crate::core) fn is_unwinding() -> bool {
    UNWINDING.get()
}

/// The body of every function that libev calls: runs `f`, out of which no panic comes, and keeps `loop_` until then.
#[inline]
pub(in crate::core) fn enter(loop_: Loop, f: impl FnOnce(&Loop)) {
    guard(&loop_, || f(&loop_));
    exit(loop_);
}

/// Runs `f`, and lets no panic and no forced unwinding out of it.
#[inline]
pub(in crate::core) fn guard(loop_: &Loop, f: impl FnOnce()) {
    if let Err(caught) = catch(f) {
        absorb(loop_, caught);
    }
}

/// The end of every function that libev calls: drops its handle of the loop.
#[inline]
pub(in crate::core) fn exit(loop_: Loop) {
    if Rc::strong_count(loop_.state()) == 1 {
        take_down(loop_);
    } else {
        obey(&loop_.state().shared);
    }
}

/// Ends the runs on this stack if this greenlet has been told to end. No panic is started for it: a panic of the
/// greenlet's own may be under way outside of these runs, and two panics at once abort.
#[inline]
pub(in crate::core) fn obey(shared: &SharedLoop) {
    if is_told() {
        end_runs(shared);
    }
}

/// Drops the last handle of a loop, which takes the loop down.
#[cold]
fn take_down(loop_: Loop) {
    let shared = loop_.state().shared.clone();
    match catch(move || drop(loop_)) {
        Ok(()) => {}
        Err(Caught::Panic(exception)) => complain(format_args!("panic while a loop was dropped: {exception:?}")),
        Err(Caught::Forced(unwind)) => stash(&shared, unwind),
    }
    obey(&shared);
}

/// Deals with what an outermost `catch` caught: reports a panic, stashes a forced unwinding.
#[cold]
pub(in crate::core) fn absorb(loop_: &Loop, caught: Caught) {
    match caught {
        Caught::Panic(exception) => complain(format_args!("Unhandled in the event loop: {exception:?}")),
        Caught::Forced(unwind) => stash(&loop_.state().shared, unwind),
    }
}

/// Keeps a forced unwinding for [`leave`] and makes the runs on this stack end.
#[cold]
pub(in crate::core) fn stash(shared: &SharedLoop, unwind: ForcedUnwind) {
    STASH.with_borrow_mut(|stash| **stash = Some(unwind));
    end_runs(shared);
}

#[cold]
fn end_runs(shared: &SharedLoop) {
    UNWINDING.set(true);
    shared.break_run(ev::EVBREAK_ALL);
}

/// Puts aside an event that libev delivers while a forced unwinding waits; [`leave`] feeds it again.
#[cold]
pub(in crate::core) fn defer(body: BodyRef, revents: i32) {
    DEFERRED.with_borrow_mut(|deferred| deferred.push((body, revents)));
}

/// To be called by Rust code after every C function that may have run callbacks: frees loops that were destroyed
/// meanwhile, and goes on with a forced unwinding that was stashed.
#[inline]
pub(in crate::core) fn leave(loop_: &Loop) {
    if UNWINDING.get() || shared_loop::any_doomed() {
        leave_with_care(loop_);
    }
}

#[cold]
fn leave_with_care(loop_: &Loop) {
    match settle(loop_) {
        Some(unwind) => unwind.resume(),
        None => insist(),
    }
}

/// [`leave`] for a destructor, which must not unwind during a panic: the stashed unwinding is then given up.
#[cold]
pub(in crate::core) fn leave_in_drop(loop_: &Loop) {
    if thread::panicking() {
        drop(settle(loop_));
    } else {
        leave(loop_);
    }
}

/// Frees the doomed loops. Returns the unwinding that this greenlet has to go on with.
fn settle(loop_: &Loop) -> Option<ForcedUnwind> {
    let mut unwind = None;
    loop {
        if UNWINDING.replace(false) {
            // The break was meant for the runs on this stack; runs of this loop on the stacks of parked greenlets shall
            // go on.
            loop_.state().shared.cancel_break();
            // A newer unwinding replaces an older one: greenlet-core expects the newest to go on.
            let newer = STASH.with_borrow_mut(|stash| stash.take());
            unwind = newer.or(unwind);
            feed_deferred();
        }
        // This comes after the stash is taken: it calls cleanup watchers, one of which may park this greenlet, and a
        // greenlet that is dropped while it is parked has to be unwound again.
        shared_loop::free_doomed();
        if !UNWINDING.get() {
            return unwind;
        }
    }
}

fn feed_deferred() {
    let deferred = DEFERRED.with_borrow_mut(|deferred| std::mem::take(&mut **deferred));
    for (body, revents) in deferred {
        feed_again(&body, revents);
    }
}

/// Prints a line to stderr; errors of stderr are ignored. The message is put together before stderr is locked, because
/// that may run user code (`Debug`), which may wait.
pub(crate) fn complain(message: std::fmt::Arguments<'_>) {
    let line = format!("{message}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}
