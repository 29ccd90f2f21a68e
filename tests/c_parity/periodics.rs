//! The Rust halves of periodics.c.

use std::cell::Cell;

use crate::trace::{TestResult, Trace};

pub(crate) fn a_time_that_has_passed_is_due_at_once(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.periodic(2000.0, 0.0)?);
    let b = t.watch("b", loop_.periodic(1000.0, 0.0)?);
    let c = t.watch("c", loop_.periodic(1e12, 0.0)?);
    for periodic in [&a, &b, &c] {
        t.start(periodic)?;
    }
    t.mark(&loop_, "started")?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn an_interval_begins_at_the_next_multiple(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.periodic(1000.0, 1e10)?);
    t.start(&a)?;
    t.mark(&loop_, "started")?;
    t.value("at", a.at() as i64)?;
    t.run_nowait(&loop_)
}

pub(crate) fn they_fire_before_timers(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    let a = t.watch("a", loop_.periodic(1000.0, 0.0)?);
    t.start(&a)?;
    t.start(&timer)?;
    t.run(&loop_)
}

pub(crate) fn a_short_interval_fires_again_and_again(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    t.only_order();
    let a = t.watch("a", loop_.periodic(0.0, 0.001)?);
    let times = Cell::new(0);
    t.start_then(&a, {
        let a = a.clone();
        move || {
            times.set(times.get() + 1);
            if times.get() == 3 {
                a.stop()?;
            }
            Ok(())
        }
    })?;
    t.run(&loop_)
}

pub(crate) fn a_function_says_when(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let times = Cell::new(0);
    let next = {
        let t = t.clone();
        move |now| {
            let time = times.replace(times.get() + 1);
            // If the trace cannot be written, it is short, so the traces differ.
            let _ = t.value("rescheduled", time);
            if time < 2 { now } else { 1e12 }
        }
    };
    let a = t.watch("a", loop_.periodic_reschedule(next)?);
    t.start(&a)?;
    t.mark(&loop_, "started")?;
    for _ in 0..4 {
        t.run_nowait(&loop_)?;
    }
    t.value("at", a.at() as i64)
}

pub(crate) fn again_asks_the_function_anew(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let times = Cell::new(0.0);
    let a = loop_.periodic_reschedule(move |_| {
        times.set(times.get() + 1.0);
        1e12 * times.get()
    })?;
    let a = t.watch("a", a);
    t.start(&a)?;
    t.mark(&loop_, "started")?;
    t.value("at", a.at() as i64)?;
    a.again()?;
    t.mark(&loop_, "again")?;
    t.value("at", a.at() as i64)?;
    t.run_nowait(&loop_)
}

pub(crate) fn set_while_stopped_changes_the_time(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.periodic(1e12, 0.0)?);
    t.start(&a)?;
    t.run_nowait(&loop_)?;
    a.stop()?;
    t.mark(&loop_, "stopped")?;
    a.set(1000.0, 0.0)?;
    t.start(&a)?;
    t.run(&loop_)
}

pub(crate) fn higher_priorities_first(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.periodic(1000.0, 0.0)?);
    let b = t.watch("b", loop_.periodic(2000.0, 0.0)?.with_priority(2)?);
    t.start(&a)?;
    t.start(&b)?;
    t.run(&loop_)
}
