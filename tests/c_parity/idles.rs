//! The Rust halves of idles.c.

use std::cell::Cell;

use hub::core::{Idle, Loop};

use crate::trace::{TestResult, Trace};

fn three(t: &Trace, loop_: &Loop, priorities: [i32; 3]) -> TestResult<[Idle; 3]> {
    let [low, middle, high] = priorities;
    Ok([
        t.watch("low", loop_.idle()?.with_priority(low)?),
        t.watch("middle", loop_.idle()?.with_priority(middle)?),
        t.watch("high", loop_.idle()?.with_priority(high)?),
    ])
}

pub(crate) fn an_active_one_locks_out_those_of_lower_priority(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let [low, middle, high] = three(t, &loop_, [-1, 0, 1])?;
    t.start(&low)?;
    t.start(&middle)?;
    t.start(&high)?;
    t.run_once(&loop_)?;
    high.stop()?;
    t.run_once(&loop_)?;
    middle.stop()?;
    t.run_once(&loop_)?;
    low.stop()?;
    t.run(&loop_)
}

pub(crate) fn an_event_of_the_same_priority_locks_out(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let [_, middle, _] = three(t, &loop_, [-1, 0, 1])?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    t.start(&middle)?;
    t.start(&timer)?;
    t.run_once(&loop_)?;
    t.run_once(&loop_)
}

pub(crate) fn an_event_of_lower_priority_does_not(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let [low, _, high] = three(t, &loop_, [-1, 0, 1])?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    t.start(&high)?;
    t.start(&low)?;
    t.start(&timer)?;
    t.run_once(&loop_)?;
    t.run_once(&loop_)
}

pub(crate) fn all_of_one_priority_are_called(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let [low, middle, high] = three(t, &loop_, [0, 0, 0])?;
    t.start(&middle)?;
    t.start(&low)?;
    t.start(&high)?;
    t.run_once(&loop_)?;
    low.stop()?;
    t.run_once(&loop_)
}

pub(crate) fn the_loop_does_not_sleep(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let middle = t.watch("middle", loop_.idle()?);
    let times = Cell::new(0);
    t.start_then(&middle, {
        let middle = middle.clone();
        move || {
            times.set(times.get() + 1);
            if times.get() == 5 {
                middle.stop()?;
            }
            Ok(())
        }
    })?;
    t.run(&loop_)
}

pub(crate) fn a_check_watcher_does_not_count_as_an_event(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let [_, middle, _] = three(t, &loop_, [-1, 0, 1])?;
    let check = t.watch("check", loop_.check()?.with_priority(2)?);
    t.start(&check)?;
    t.start(&middle)?;
    t.run_once(&loop_)
}
