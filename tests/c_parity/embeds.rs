//! The Rust halves of embeds.c.

use hub::core::{Embed, Events, Loop, LoopFlags};

use crate::system::{make_pipe, put};
use crate::trace::{TestResult, Trace};

fn inner_loop() -> TestResult<Loop> {
    Ok(Loop::new(LoopFlags::EPOLL, false)?)
}

fn start_sweep(t: &Trace, embed: &Embed) -> TestResult {
    t.start_then(embed, {
        let (t, inner) = (t.clone(), embed.other().clone());
        move || t.run_nowait(&inner)
    })
}

fn watch_pipe_inside(t: &Trace, inner: &Loop, is_ready: bool) -> TestResult {
    let [reader, writer] = make_pipe()?;
    if is_ready {
        put(writer, "x")?;
    }
    let io = t.watch("io", inner.io(reader, Events::READ)?);
    t.start(&io)
}

pub(crate) fn the_inner_loop_runs_when_it_has_something_to_do(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let inner = inner_loop()?;
    watch_pipe_inside(t, &inner, true)?;
    let embed = t.watch("embed", loop_.embed(&inner)?);
    start_sweep(t, &embed)?;
    t.mark(&loop_, "started")?;
    t.run_once(&loop_)?;
    t.run_once(&loop_)
}

pub(crate) fn nothing_happens_inside(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let inner = inner_loop()?;
    watch_pipe_inside(t, &inner, false)?;
    let embed = t.watch("embed", loop_.embed(&inner)?);
    start_sweep(t, &embed)?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn after_a_stop_the_inner_loop_is_on_its_own(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let inner = inner_loop()?;
    watch_pipe_inside(t, &inner, true)?;
    let embed = t.watch("embed", loop_.embed(&inner)?);
    start_sweep(t, &embed)?;
    t.run_once(&loop_)?;
    embed.stop()?;
    t.mark(&loop_, "stopped")?;
    t.run_nowait(&loop_)?;
    t.run_nowait(&inner)
}

pub(crate) fn with_a_priority(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let inner = inner_loop()?;
    watch_pipe_inside(t, &inner, true)?;
    let embed = t.watch("embed", loop_.embed(&inner)?.with_priority(-1)?);
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    start_sweep(t, &embed)?;
    t.start(&timer)?;
    t.run_once(&loop_)
}

pub(crate) fn the_inner_loop_is_told_of_its_changes_by_the_outer(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let inner = inner_loop()?;
    let embed = t.watch("embed", loop_.embed(&inner)?);
    let prepare = t.watch("prepare", loop_.prepare()?);
    start_sweep(t, &embed)?;
    t.start(&prepare)?;
    t.run_nowait(&loop_)?;
    watch_pipe_inside(t, &inner, true)?;
    t.run_nowait(&loop_)
}

pub(crate) fn destroying_the_inner_loop_ends_it(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let inner = inner_loop()?;
    let embed = t.watch("embed", loop_.embed(&inner)?);
    start_sweep(t, &embed)?;
    t.mark(&loop_, "started")?;
    inner.destroy()?;
    t.mark(&loop_, "destroyed")?;
    t.run(&loop_)
}

pub(crate) fn the_inner_loop_follows_a_fork_of_the_outer(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let inner = inner_loop()?;
    watch_pipe_inside(t, &inner, true)?;
    let forked = t.watch("forked", inner.fork()?);
    t.start(&forked)?;
    let embed = t.watch("embed", loop_.embed(&inner)?);
    start_sweep(t, &embed)?;
    t.run_once(&loop_)?;
    loop_.reinit()?;
    t.run_once(&loop_)?;
    t.mark(&inner, "inside")?;
    t.run_once(&loop_)
}
