//! A round: runs the loop's queue of callbacks, called by the prepare watcher before each wait. Source: gevent's
//! `loop._run_callbacks` and `gevent_call`.

use std::sync::atomic::{AtomicU64, Ordering};

use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, catch};
use libev_sys as ev;

use crate::context::Context;
use crate::core::callbacks::callback::{Callback, Entry, Mail, ThreadsafeCallback};
use crate::core::error::IllegalTime;
use crate::core::event_loop::c_frames;
use crate::core::event_loop::hooks;
use crate::core::event_loop::loop_::Loop;
use crate::core::event_loop::parts::LoopParts;
use crate::core::watchers::watcher::Watcher;
use crate::seconds::{Seconds, or_never};

/// The clock is looked at after this many callbacks.
const CHECK_COUNT: u32 = 50;

/// 5 ms.
static SWITCH_INTERVAL: AtomicU64 = AtomicU64::new(0.005_f64.to_bits());

/// The time, in seconds, for which a loop runs queued callbacks before it looks at its watchers again. 0.005 unless
/// [`setswitchinterval`] was called. Source: `gevent.getswitchinterval`.
pub fn getswitchinterval() -> f64 {
    f64::from_bits(SWITCH_INTERVAL.load(Ordering::Relaxed))
}

/// Sets [`getswitchinterval`], for all loops of the process. Source: `sys.setswitchinterval`.
///
/// # Errors
/// [`IllegalTime`] if `seconds` is NaN or not positive.
pub fn setswitchinterval(seconds: impl Seconds) -> Result<(), IllegalTime> {
    let seconds = or_never(seconds);
    if seconds > 0.0 {
        SWITCH_INTERVAL.store(seconds.to_bits(), Ordering::Relaxed);
        Ok(())
    } else {
        Err(IllegalTime {
            what: "switch interval",
            value: seconds,
        })
    }
}

/// Runs the queue, until it is empty or the switch interval is over.
///
/// A callback may queue others (which run in the same round, as far as time allows), switch greenlets, run the
/// loop (and with it another round), and destroy it.
pub(in crate::core) fn run_callbacks(loop_: &Loop) {
    if c_frames::is_unwinding() {
        return;
    }
    let state = loop_.state();
    if state.mailbox.is_unwanted() {
        // It is not refused here, where libev may be entered.
        let _ = loop_.destroy();
        return;
    }
    hooks::begin_round(loop_);
    if c_frames::is_unwinding() {
        return;
    }
    state.begin_round();
    run_queue(loop_);
    state.end_round();
}

fn run_queue(loop_: &Loop) {
    let state = loop_.state();
    let Ok(raw_loop) = loop_.look() else { return };
    // SAFETY: `look` says that the loop is alive, and it stays so up to the first callback.
    let start = unsafe {
        state.stop_timer0(raw_loop);
        if state.mailbox.has_mail() {
            state.collect_mail(raw_loop);
        }
        ev::ev_now(raw_loop)
    };
    let expiration = start + getswitchinterval();
    let mut expired = false;
    let mut until_look = CHECK_COUNT;
    loop {
        let Some(entry) = next_entry(state) else {
            break;
        };
        // SAFETY: the loop is alive, as checked above, or below after the last callback.
        unsafe { ev::ev_unref(raw_loop) };
        if let Err(caught) = catch(|| run_entry(loop_, entry)) {
            // A destructor panicked, or this greenlet was dropped while the error handler had parked it.
            c_frames::absorb(loop_, caught);
        }
        if loop_.look().is_err() {
            return;
        }
        c_frames::obey(&state.shared);
        if c_frames::is_unwinding() {
            // The rest waits for the loop's next run.
            break;
        }
        until_look -= 1;
        if until_look == 0 || state.look_soon.get() {
            until_look = CHECK_COUNT;
            state.look_soon.set(false);
            if !state.queue.borrow().is_empty() {
                // SAFETY: `look` has just said that the loop is alive.
                let now = unsafe {
                    ev::ev_now_update(raw_loop);
                    ev::ev_now(raw_loop)
                };
                expired = now >= expiration;
                if expired {
                    break;
                }
            }
        }
    }
    // SAFETY: the loop is alive, as checked before the first callback and after each.
    unsafe {
        if !expired {
            ev::ev_now_update(raw_loop);
        }
        if !state.queue.borrow().is_empty() {
            state.start_timer0(raw_loop);
        }
        state.mailbox.facts.publish(raw_loop);
    }
}

/// Takes the first entry, and prefetches the memory that the next entries will need: with many greenlets, none of it
/// is in the cache.
#[inline(always)]
fn next_entry(state: &LoopParts) -> Option<Entry> {
    let mut queue = state.queue.borrow_mut();
    let entry = queue.pop();
    match queue.get(0) {
        Some(Entry::Resume(next)) => next.greenlet().prefetch_stack(4),
        Some(Entry::Start(next)) => next.greenlet().prefetch_rest(),
        _ => {}
    }
    match queue.get(2) {
        Some(Entry::Resume(later)) => later.greenlet().prefetch(),
        Some(Entry::Start(later)) => later.greenlet().prefetch(),
        Some(Entry::Greenlet(later, _)) => {
            later.prefetch();
            later.prefetch_rest();
        }
        _ => {}
    }
    entry
}

fn run_entry(loop_: &Loop, entry: Entry) {
    match entry {
        Entry::Resume(resume) => call(
            loop_,
            || resume.switch(),
            |e| loop_.report(Context::Switch(resume.greenlet()), e),
        ),
        Entry::Start(start) => call(
            loop_,
            || start.run(),
            |e| failed(loop_, &Callback::entered(start.greenlet()), e),
        ),
        Entry::Call(task) => {
            let callback = Callback::from_task(task);
            // The callback counts as running until its error is handled.
            let _running = callback.begin();
            call(loop_, || callback.run(), |e| failed(loop_, &callback, e));
        }
        Entry::Notify(object) => call(
            loop_,
            || object.clone().notify(),
            |e| failed(loop_, &Callback::entered(&object), e),
        ),
        Entry::Greenlet(greenlet, function) => call(
            loop_,
            || function(&greenlet),
            |e| failed(loop_, &Callback::entered(&greenlet), e),
        ),
        Entry::Remote(Mail::Notify(object)) => call(
            loop_,
            || {
                object.notify();
                Ok(())
            },
            |e| loop_.report(Context::None, e),
        ),
        Entry::Remote(Mail::Call(task)) => {
            let callback = ThreadsafeCallback(task);
            let _running = callback.begin();
            call(
                loop_,
                || callback.run(),
                |e| loop_.report(Context::ThreadsafeCallback(&callback), e),
            );
        }
        Entry::Report(Some(body), exception) => {
            let watcher = Watcher::new(loop_, body);
            loop_.report(Context::Watcher(&watcher), exception);
        }
        Entry::Report(None, exception) => loop_.report(Context::None, exception),
    }
}

#[cold]
fn failed(loop_: &Loop, callback: &Callback, exception: Exception) {
    loop_.report(Context::Callback(callback), exception);
}

/// Calls `f`, and passes its error or panic to `report`.
fn call(loop_: &Loop, f: impl FnOnce() -> Result<(), Exception>, report: impl FnOnce(Exception)) {
    match catch(f) {
        Ok(Ok(())) => {}
        Ok(Err(exception)) | Err(Caught::Panic(exception)) => report(exception),
        Err(Caught::Forced(unwind)) => c_frames::stash(&loop_.state().shared, unwind),
    }
}
