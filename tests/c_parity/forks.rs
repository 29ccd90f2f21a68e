//! The Rust halves of forks.c.

use hub::core::Events;
use libc::SIGUSR1;

use crate::system::{fork, join_child, make_pipe, put, raise};
use crate::trace::{TestResult, Trace};

/// Forks a child that calls `life`, and waits for its exit status, which tells whether `life` has succeeded.
fn fork_and_join(t: &Trace, status: i32, life: impl FnOnce() -> TestResult) -> TestResult {
    let pid = fork(|| match life() {
        Ok(()) => status,
        Err(_) => 111,
    })?;
    join_child(t, pid)
}

pub(crate) fn the_child_is_noticed_when_its_loop_runs(t: &Trace) -> TestResult {
    let [reader, writer] = make_pipe()?;
    put(writer, "x")?;
    let loop_ = t.new_loop()?;
    let forked = t.watch("forked", loop_.fork()?);
    let second = t.watch("second", loop_.fork()?.with_priority(1)?);
    let io = t.watch("io", loop_.io(reader, Events::READ)?);
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    t.start(&forked)?;
    t.start(&second)?;
    t.start(&io)?;
    t.run_nowait(&loop_)?;
    fork_and_join(t, 3, || {
        t.mark(&loop_, "child")?;
        t.start(&timer)?;
        t.run_nowait(&loop_)?;
        t.run_nowait(&loop_)
    })?;
    t.run_nowait(&loop_)
}

pub(crate) fn the_child_tells_the_loop(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let forked = t.watch("forked", loop_.fork()?);
    t.start(&forked)?;
    t.run_nowait(&loop_)?;
    fork_and_join(t, 0, || {
        loop_.reinit()?;
        t.mark(&loop_, "child")?;
        t.run_nowait(&loop_)?;
        t.run_nowait(&loop_)
    })?;
    t.run_nowait(&loop_)
}

pub(crate) fn a_loop_can_be_told_without_a_fork(t: &Trace) -> TestResult {
    let [reader, writer] = make_pipe()?;
    put(writer, "x")?;
    let loop_ = t.new_loop()?;
    let forked = t.watch("forked", loop_.fork()?);
    let io = t.watch("io", loop_.io(reader, Events::READ)?);
    t.start(&forked)?;
    t.start(&io)?;
    t.run_nowait(&loop_)?;
    loop_.reinit()?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn sends_and_signals_in_the_child_stay_there(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let async_ = t.watch("async", loop_.async_()?);
    let usr1 = t.watch("usr1", loop_.signal(SIGUSR1)?);
    t.start(&async_)?;
    t.start(&usr1)?;
    t.run_nowait(&loop_)?;
    fork_and_join(t, 0, || {
        loop_.reinit()?;
        t.run_nowait(&loop_)?;
        async_.send()?;
        raise(SIGUSR1)?;
        t.run_once(&loop_)
    })?;
    t.run_nowait(&loop_)
}

pub(crate) fn a_descriptor_becomes_ready_in_both(t: &Trace) -> TestResult {
    let [reader, writer] = make_pipe()?;
    let loop_ = t.new_loop()?;
    let io = t.watch("io", loop_.io(reader, Events::READ)?);
    t.start(&io)?;
    t.run_nowait(&loop_)?;
    fork_and_join(t, 0, || {
        loop_.reinit()?;
        t.run_nowait(&loop_)?;
        put(writer, "x")?;
        t.run_once(&loop_)
    })?;
    t.run_once(&loop_)
}
