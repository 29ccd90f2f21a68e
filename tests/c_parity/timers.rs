//! The Rust halves of timers.c.

use std::cell::Cell;
use std::rc::Rc;

use hub::core::{Events, Timer};

use crate::trace::{TestResult, Trace};

pub(crate) fn equal_ones_fire_together(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer(0.0)?);
    let b = t.watch("b", loop_.timer(0.0)?);
    let c = t.watch("c", loop_.timer(0.0)?);
    let d = t.watch("d", loop_.timer(0.0)?);
    for timer in [&c, &a, &d, &b] {
        t.start(timer)?;
    }
    t.mark(&loop_, "started")?;
    t.run(&loop_)
}

pub(crate) fn the_more_overdue_fires_first(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer(-1.0)?);
    let b = t.watch("b", loop_.timer(-3.0)?);
    let c = t.watch("c", loop_.timer(0.0)?);
    let d = t.watch("d", loop_.timer(-2.0)?);
    for timer in [&a, &b, &c, &d] {
        t.start(timer)?;
    }
    t.run(&loop_)
}

/// Traces the remaining time, rounded as in the C halves.
fn value_left(t: &Trace, timer: &Timer) -> TestResult {
    t.value("hundreds left", ((timer.remaining()? + 50.0) / 100.0) as i64)
}

/// Starts the timer with a callback that traces, and stops the timer the third time.
fn start_and_stop_at_third(t: &Trace, timer: &Timer) -> TestResult {
    let times = Cell::new(0);
    t.start_then(timer, {
        let (t, timer) = (t.clone(), timer.clone());
        move || {
            times.set(times.get() + 1);
            if times.get() == 3 {
                timer.stop()?;
                t.mark(timer.loop_(), "stopped")?;
            }
            Ok(())
        }
    })
}

pub(crate) fn a_repeating_one_fires_until_stopped(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    t.only_order();
    let a = t.watch("a", loop_.timer_repeat(0.001, 0.001)?);
    start_and_stop_at_third(t, &a)?;
    t.run(&loop_)
}

pub(crate) fn one_that_is_late_does_not_catch_up(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer_repeat(-1000.0, 1e-9)?);
    start_and_stop_at_third(t, &a)?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn again_starts_one_with_its_repeat_time(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer_repeat(0.0, 1000.0)?);
    t.again(&a)?;
    t.mark(&loop_, "again")?;
    value_left(t, &a)?;
    t.run_nowait(&loop_)
}

pub(crate) fn again_puts_an_active_one_off(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer_repeat(-1.0, 1000.0)?);
    let b = t.watch("b", loop_.timer(-1.0)?);
    t.start(&a)?;
    t.start(&b)?;
    t.again(&a)?;
    t.mark(&loop_, "again")?;
    value_left(t, &a)?;
    t.run_nowait(&loop_)
}

pub(crate) fn again_stops_one_that_does_not_repeat(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer(-1.0)?);
    t.start(&a)?;
    t.mark(&loop_, "started")?;
    t.again(&a)?;
    t.mark(&loop_, "again")?;
    t.run(&loop_)
}

pub(crate) fn again_does_nothing_to_a_stopped_one_that_does_not_repeat(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer(1000.0)?);
    t.again(&a)?;
    t.mark(&loop_, "again")?;
    value_left(t, &a)?;
    t.start(&a)?;
    a.stop()?;
    t.again(&a)?;
    t.mark(&loop_, "again after a stop")?;
    value_left(t, &a)?;
    t.feed(&a, Events::CUSTOM)?;
    t.again(&a)?;
    t.mark(&loop_, "again after a feed")?;
    t.run_nowait(&loop_)
}

pub(crate) fn again_takes_back_what_is_pending(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer(-1.0)?.with_priority(1)?);
    let b = t.watch("b", loop_.timer_repeat(-1.0, 1000.0)?);
    t.start_then(&a, {
        let (t, loop_, b) = (t.clone(), loop_.clone(), b.clone());
        move || {
            t.again(&b)?;
            t.mark(&loop_, "b again")
        }
    })?;
    t.start(&b)?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn stop_and_start_keep_what_is_left(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer(1000.0)?);
    value_left(t, &a)?;
    t.start(&a)?;
    value_left(t, &a)?;
    a.stop()?;
    t.mark(&loop_, "stopped")?;
    value_left(t, &a)?;
    t.start(&a)?;
    t.mark(&loop_, "started again")?;
    value_left(t, &a)
}

pub(crate) fn one_that_has_fired_has_nothing_left(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    t.only_order();
    let a = t.watch("a", loop_.timer(0.001)?);
    t.start(&a)?;
    t.run(&loop_)?;
    t.value("is over", (a.remaining()? <= 0.0).into())?;
    t.start(&a)?;
    t.run_nowait(&loop_)
}

pub(crate) fn set_makes_one_fresh(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer(-1.0)?);
    t.start(&a)?;
    t.run(&loop_)?;
    a.set(1000.0, 0.0)?;
    t.start(&a)?;
    value_left(t, &a)?;
    t.run_nowait(&loop_)
}

pub(crate) fn a_new_repeat_time_counts_from_the_next_expiry(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer_repeat(-1.0, 1e-9)?);
    let times = Cell::new(0);
    t.start_then(&a, {
        let (t, a) = (t.clone(), a.clone());
        move || {
            a.set_repeat(1000.0)?;
            times.set(times.get() + 1);
            if times.get() == 2 {
                value_left(&t, &a)?;
            }
            Ok(())
        }
    })?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn without_a_repeat_time_a_repeating_one_ends(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer_repeat(-1.0, 1e-9)?);
    t.start_then(&a, {
        let a = a.clone();
        move || Ok(a.set_repeat(0.0)?)
    })?;
    t.run(&loop_)
}

pub(crate) fn one_may_start_itself_again(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer(-1.0)?);
    t.start_then(&a, {
        let (t, a) = (t.clone(), a.clone());
        move || {
            a.set(-1.0, 0.0)?;
            t.start(&a)?;
            t.mark(a.loop_(), "started again")
        }
    })?;
    t.run(&loop_)
}

pub(crate) fn starting_an_active_one_changes_nothing(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer(-1.0)?);
    t.start(&a)?;
    t.start(&a)?;
    t.mark(&loop_, "started twice")?;
    t.run(&loop_)
}

pub(crate) fn hundreds_fire_by_their_times(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let (fired, out_of_order) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let last = Rc::new(Cell::new(0));
    let mut seed = 1_u32;
    let mut timers = Vec::new();
    for _ in 0..600 {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let delay = seed >> 16 & 0x7fff;
        let timer = loop_.timer(f64::from(delay) - 1e5)?;
        timer.start({
            let (fired, out_of_order, last) = (fired.clone(), out_of_order.clone(), last.clone());
            move || {
                fired.set(fired.get() + 1);
                out_of_order.set(out_of_order.get() + i64::from(delay < last.get()));
                last.set(delay);
            }
        })?;
        timers.push(timer);
    }
    for timer in timers.iter().step_by(3) {
        timer.stop()?;
    }
    t.mark(&loop_, "started")?;
    t.run(&loop_)?;
    t.value("fired", fired.get())?;
    t.value("out of order", out_of_order.get())
}

pub(crate) fn suspended_time_does_not_count(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.timer(1000.0)?);
    t.start(&a)?;
    loop_.suspend()?;
    loop_.resume()?;
    t.mark(&loop_, "resumed")?;
    value_left(t, &a)?;
    t.run_nowait(&loop_)
}
