//! The Rust halves of callbacks.c.

use std::cell::Cell;
use std::rc::Rc;

use hub::core::{Break, Callback, Loop, setswitchinterval};

use crate::trace::{TestResult, Trace};

/// Queues a callback that marks its name.
fn queue(t: &Trace, loop_: &Loop, name: &'static str) -> TestResult<Callback> {
    queue_then(t, loop_, name, || Ok(()))
}

/// Queues a callback that marks its name and then does `action`.
fn queue_then(
    t: &Trace,
    loop_: &Loop,
    name: &'static str,
    action: impl FnOnce() -> TestResult + 'static,
) -> TestResult<Callback> {
    let (t, this) = (t.clone(), loop_.clone());
    Ok(loop_.run_callback(move || {
        t.mark(&this, name)?;
        action()
    })?)
}

pub(crate) fn they_run_in_their_order_before_anything_else(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    t.start(&timer)?;
    for name in ["first", "second", "third"] {
        queue(t, &loop_, name)?;
    }
    t.mark(&loop_, "queued")?;
    t.run(&loop_)
}

pub(crate) fn each_keeps_the_loop_running_until_its_turn(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    queue(t, &loop_, "first")?;
    t.mark(&loop_, "one queued")?;
    t.run(&loop_)?;
    queue(t, &loop_, "first")?;
    queue(t, &loop_, "second")?;
    t.mark(&loop_, "two queued")?;
    t.run_nowait(&loop_)
}

pub(crate) fn a_stopped_one_keeps_its_place_and_is_not_called(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    queue(t, &loop_, "first")?;
    let second = queue(t, &loop_, "second")?;
    queue(t, &loop_, "third")?;
    second.stop();
    t.mark(&loop_, "second stopped")?;
    t.run(&loop_)
}

pub(crate) fn one_queued_by_another_runs_in_the_same_round(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    queue_then(t, &loop_, "first", {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            queue(&t, &loop_, "third")?;
            t.mark(&loop_, "third queued")
        }
    })?;
    queue(t, &loop_, "second")?;
    t.run_nowait(&loop_)
}

pub(crate) fn one_may_stop_the_next(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let second = Rc::new(Cell::new(None::<Callback>));
    queue_then(t, &loop_, "first", {
        let second = second.clone();
        move || {
            if let Some(second) = second.take() {
                second.stop();
            }
            Ok(())
        }
    })?;
    second.set(Some(queue(t, &loop_, "second")?));
    t.run(&loop_)
}

pub(crate) fn a_watcher_started_in_one_fires_in_the_same_iteration(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    queue_then(t, &loop_, "first", {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            t.start(&timer)?;
            t.mark(&loop_, "timer started")
        }
    })?;
    t.run(&loop_)
}

pub(crate) fn one_queued_by_a_watcher_runs_in_the_next_iteration(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    t.start_then(&timer, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            queue(&t, &loop_, "first")?;
            t.mark(&loop_, "queued")
        }
    })?;
    t.run(&loop_)
}

pub(crate) fn among_prepare_watchers_priority_decides(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let prepare = t.watch("prepare", loop_.prepare()?);
    let higher = t.watch("higher", loop_.prepare()?.with_priority(1)?);
    t.start(&prepare)?;
    t.start(&higher)?;
    queue(t, &loop_, "first")?;
    t.run_nowait(&loop_)
}

pub(crate) fn a_run_inside_one_takes_the_rest(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    queue_then(t, &loop_, "first", {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || t.run_nowait(&loop_)
    })?;
    queue(t, &loop_, "second")?;
    queue(t, &loop_, "third")?;
    t.run_nowait(&loop_)
}

fn queue_many(loop_: &Loop, many: usize) -> TestResult<Rc<Cell<i64>>> {
    let count = Rc::new(Cell::new(0));
    for _ in 0..many {
        let count = count.clone();
        loop_.run_callback(move || count.set(count.get() + 1))?;
    }
    Ok(count)
}

pub(crate) fn a_long_queue_lets_watchers_in_after_fifty(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    setswitchinterval(1e-12)?;
    let idle = t.watch("idle", loop_.idle()?);
    t.start(&idle)?;
    let count = queue_many(&loop_, 120)?;
    for _ in 0..4 {
        t.run_nowait(&loop_)?;
        t.value("called", count.get())?;
    }
    Ok(())
}

pub(crate) fn exactly_fifty_are_not_cut(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    setswitchinterval(1e-12)?;
    let count = queue_many(&loop_, 50)?;
    t.run_nowait(&loop_)?;
    t.value("called", count.get())
}

pub(crate) fn a_break_in_one_ends_the_run_after_the_rest(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    t.start(&timer)?;
    queue_then(t, &loop_, "first", {
        let loop_ = loop_.clone();
        move || Ok(loop_.break_(Break::One)?)
    })?;
    queue(t, &loop_, "second")?;
    t.run(&loop_)
}

pub(crate) fn a_destroyed_loop_forgets_them(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    queue(t, &loop_, "first")?;
    t.mark(&loop_, "queued")?;
    Ok(loop_.destroy()?)
}
