//! The Rust halves of runs.c.

use hub::core::{Break, Events, Loop, Run, Timer};

use crate::system::{get, make_pipe, put};
use crate::trace::{TestResult, Trace};

fn break_and_mark(t: &Trace, loop_: &Loop, how: Break) -> impl Fn() -> TestResult + 'static {
    let (t, loop_) = (t.clone(), loop_.clone());
    move || {
        loop_.break_(how)?;
        t.mark(&loop_, "broken")
    }
}

fn nest(t: &Trace, loop_: &Loop, how: Break) -> TestResult {
    let outer = t.watch("outer", loop_.timer(-2.0)?);
    let inner = t.watch("inner", loop_.timer(-1.0)?);
    let late = t.watch("late", loop_.timer(1000.0)?);
    t.start_then(&outer, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            t.start_then(&inner, break_and_mark(&t, &loop_, how))?;
            t.run(&loop_)?;
            t.mark(&loop_, "inside is over")
        }
    })?;
    t.start(&late)
}

pub(crate) fn break_one_ends_the_inner_run(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    nest(t, &loop_, Break::One)?;
    t.run_once(&loop_)
}

pub(crate) fn break_all_ends_both_runs(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    nest(t, &loop_, Break::All)?;
    t.run(&loop_)
}

pub(crate) fn a_break_by_any_other_number_ends_both_runs(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    nest(t, &loop_, Break::from(7))?;
    t.run(&loop_)
}

pub(crate) fn a_break_can_be_taken_back(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let outer = t.watch("outer", loop_.timer(-1.0)?);
    let late = t.watch("late", loop_.timer(0.001)?);
    t.only_order();
    t.start_then(&outer, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            loop_.break_(Break::All)?;
            loop_.break_(Break::Cancel)?;
            t.mark(&loop_, "not broken")
        }
    })?;
    t.start(&late)?;
    t.run(&loop_)
}

pub(crate) fn a_break_lets_pending_callbacks_run(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let outer = t.watch("outer", loop_.timer(-2.0)?);
    let inner = t.watch("inner", loop_.timer(-1.0)?);
    let late = t.watch("late", loop_.timer(1000.0)?);
    t.start_then(&outer, break_and_mark(t, &loop_, Break::One))?;
    t.start(&inner)?;
    t.start(&late)?;
    t.run(&loop_)
}

pub(crate) fn a_break_before_the_run_is_forgotten(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let outer = t.watch("outer", loop_.timer(-1.0)?);
    t.start(&outer)?;
    loop_.break_(Break::All)?;
    t.run(&loop_)
}

pub(crate) fn a_break_before_the_wait_leaves_the_rest_undone(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let prepare = t.watch("prepare", loop_.prepare()?);
    let check = t.watch("check", loop_.check()?);
    let outer = t.watch("outer", loop_.timer(-1.0)?);
    t.start_then(&prepare, {
        let loop_ = loop_.clone();
        move || Ok(loop_.break_(Break::One)?)
    })?;
    t.start(&check)?;
    t.start(&outer)?;
    t.run(&loop_)?;
    prepare.stop()?;
    t.run_nowait(&loop_)
}

fn start_deeper(t: &Trace, inner: &Timer, level: u32) -> TestResult {
    t.start_then(inner, {
        let (t, inner) = (t.clone(), inner.clone());
        move || {
            if level < 4 {
                inner.set(-1.0, 0.0)?;
                start_deeper(&t, &inner, level + 1)?;
                t.run(inner.loop_())?;
            }
            Ok(())
        }
    })
}

pub(crate) fn four_runs_inside_one_another(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let inner = t.watch("inner", loop_.timer(-1.0)?);
    start_deeper(t, &inner, 1)?;
    t.run(&loop_)
}

pub(crate) fn the_inner_run_begins_with_what_is_pending_outside(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let outer = t.watch("outer", loop_.timer(-3.0)?);
    let inner = t.watch("inner", loop_.timer(-2.0)?);
    let late = t.watch("late", loop_.timer(-1.0)?);
    let check = t.watch("check", loop_.check()?);
    t.start(&check)?;
    t.start(&late)?;
    t.start(&inner)?;
    t.start_then(&outer, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || t.run_nowait(&loop_)
    })?;
    t.run_nowait(&loop_)
}

pub(crate) fn nowait_handles_what_is_ready_and_returns(t: &Trace) -> TestResult {
    let [reader, writer] = make_pipe()?;
    let loop_ = t.new_loop()?;
    let io = t.watch("io", loop_.io(reader, Events::READ)?);
    let late = t.watch("late", loop_.timer(1000.0)?);
    t.start(&late)?;
    t.run_nowait(&loop_)?;
    put(writer, "x")?;
    t.start(&io)?;
    t.run_nowait(&loop_)?;
    get(reader, 1);
    t.run_nowait(&loop_)
}

pub(crate) fn nowait_and_once_together_do_not_wait(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let inner = t.watch("inner", loop_.timer(-1.0)?);
    let late = t.watch("late", loop_.timer(1000.0)?);
    let both = Run {
        nowait: true,
        once: true,
    };
    t.start(&late)?;
    t.run_with(&loop_, both)?;
    t.start(&inner)?;
    t.run_with(&loop_, both)?;
    t.run_with(&loop_, both)
}

pub(crate) fn once_waits_for_the_first_event_only(t: &Trace) -> TestResult {
    let [reader, writer] = make_pipe()?;
    let loop_ = t.new_loop()?;
    t.only_order();
    let io = t.watch("io", loop_.io(reader, Events::READ)?);
    let inner = t.watch("inner", loop_.timer(0.01)?);
    let late = t.watch("late", loop_.timer(1000.0)?);
    t.start(&io)?;
    t.start_then(&inner, move || put(writer, "x"))?;
    t.start(&late)?;
    while inner.active() {
        loop_.run_once()?;
    }
    t.mark(&loop_, "written")?;
    t.run_once(&loop_)
}

pub(crate) fn each_wait_is_an_iteration(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let idle = t.watch("idle", loop_.idle()?);
    let prepare = t.watch("prepare", loop_.prepare()?);
    let check = t.watch("check", loop_.check()?);
    t.start(&idle)?;
    t.start(&prepare)?;
    t.start(&check)?;
    t.run_once(&loop_)?;
    t.run_nowait(&loop_)?;
    t.run_once(&loop_)
}

pub(crate) fn another_loop_runs_inside_a_callback(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let other_loop = t.new_loop()?;
    let outer = t.watch("outer", loop_.timer(-1.0)?);
    let inner = t.watch("inner", other_loop.timer(-1.0)?);
    t.start_then(&outer, {
        let (t, other_loop) = (t.clone(), other_loop.clone());
        move || t.run(&other_loop)
    })?;
    t.start(&inner)?;
    t.run(&loop_)
}
