//! The Rust halves of ends.c.

use hub::core::{Cleanup, Events, Io, Loop, Timer};
use libc::SIGUSR1;

use crate::system::{make_pipe, put, raise};
use crate::trace::{TestResult, Trace};

fn start_alone(t: &Trace, cleanup: &Cleanup) -> TestResult {
    Ok(cleanup.start_pass_events({
        let (t, cleanup) = (t.clone(), cleanup.clone());
        move |events| t.trace_alone(&cleanup, events)
    })?)
}

pub(crate) fn cleanup_watchers_are_called(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let first = t.watch("first", loop_.cleanup()?);
    start_alone(t, &first)?;
    t.mark(&loop_, "started")?;
    t.run(&loop_)?;
    Ok(loop_.destroy()?)
}

pub(crate) fn cleanup_watchers_by_priority(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let first = t.watch("first", loop_.cleanup()?);
    let second = t.watch("second", loop_.cleanup()?);
    let third = t.watch("third", loop_.cleanup()?.with_priority(1)?);
    for cleanup in [&first, &second, &third] {
        start_alone(t, cleanup)?;
    }
    Ok(loop_.destroy()?)
}

pub(crate) fn a_stopped_cleanup_watcher_is_not_called(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let first = t.watch("first", loop_.cleanup()?);
    let second = t.watch("second", loop_.cleanup()?);
    start_alone(t, &first)?;
    start_alone(t, &second)?;
    first.stop()?;
    t.mark(&loop_, "stopped")?;
    Ok(loop_.destroy()?)
}

pub(crate) fn a_fed_cleanup_watcher_is_called_at_once(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let first = t.watch("first", loop_.cleanup()?);
    t.feed(&first, Events::CUSTOM)?;
    t.run(&loop_)?;
    Ok(loop_.destroy()?)
}

/// Starts a watcher of almost every type. Returns those that the scenarios need.
fn start_all(t: &Trace, loop_: &Loop) -> TestResult<(Io, Timer)> {
    let [reader, writer] = make_pipe()?;
    put(writer, "x")?;
    let io = t.watch("io", loop_.io(reader, Events::READ)?);
    let timer = t.watch("timer", loop_.timer(1000.0)?);
    let usr1 = t.watch("usr1", loop_.signal(SIGUSR1)?);
    let async_ = t.watch("async", loop_.async_()?);
    let idle = t.watch("idle", loop_.idle()?);
    let forked = t.watch("forked", loop_.fork()?);
    let stat = t.watch("stat_", loop_.stat("/", 0.0)?);
    let first = t.watch("first", loop_.cleanup()?);
    t.start(&io)?;
    t.start(&timer)?;
    t.start(&usr1)?;
    t.start(&async_)?;
    t.start(&idle)?;
    t.start(&forked)?;
    t.start(&stat)?;
    start_alone(t, &first)?;
    Ok((io, timer))
}

pub(crate) fn active_watchers_are_stopped(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    start_all(t, &loop_)?;
    t.run_nowait(&loop_)?;
    loop_.destroy()?;
    let loop_ = t.new_loop()?;
    let usr1 = t.rewatch("usr1", loop_.signal(SIGUSR1)?);
    t.start(&usr1)?;
    raise(SIGUSR1)?;
    t.run_once(&loop_)
}

pub(crate) fn pending_events_are_forgotten(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let (io, timer) = start_all(t, &loop_)?;
    t.feed(&timer, Events::CUSTOM)?;
    t.feed(&io, Events::CUSTOM)?;
    t.mark(&loop_, "fed")?;
    loop_.destroy()?;
    t.value("active", timer.active().into())?;
    t.value("pending", timer.pending().into())
}

pub(crate) fn the_default_loop_can_be_made_anew(t: &Trace) -> TestResult {
    let loop_ = t.default_loop()?;
    start_all(t, &loop_)?;
    t.run_nowait(&loop_)?;
    loop_.destroy()?;
    let loop_ = t.default_loop()?;
    t.mark(&loop_, "made anew")?;
    let timer = t.rewatch("timer", loop_.timer(-1.0)?);
    t.start(&timer)?;
    t.run(&loop_)
}

pub(crate) fn nothing_of_a_loop_is_left_open(t: &Trace) -> TestResult {
    let before = make_pipe()?;
    let loop_ = t.new_loop()?;
    start_all(t, &loop_)?;
    t.run_nowait(&loop_)?;
    loop_.destroy()?;
    let after = make_pipe()?;
    let moved = i64::from(after[0] - before[0]);
    t.value("first free descriptor has moved by", moved)
}
