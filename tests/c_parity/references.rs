//! The Rust halves of references.c.

use hub::core::Events;

use crate::system::make_pipe;
use crate::trace::{TestResult, Trace};

pub(crate) fn a_run_without_watchers_returns_at_once(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    t.mark(&loop_, "new")?;
    t.run(&loop_)?;
    t.run_once(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn every_type_but_cleanup_counts_from_start_to_stop(t: &Trace) -> TestResult {
    let [reader, _] = make_pipe()?;
    let loop_ = t.new_loop()?;
    let mut watchers = Vec::new();
    let mut count = |name, watcher| {
        let watcher = t.watch(name, watcher);
        t.start(&watcher)?;
        watchers.push(watcher);
        t.mark(&loop_, "started")
    };
    count("io", loop_.io(reader, Events::READ)?.into())?;
    count("timer", loop_.timer(1000.0)?.into())?;
    count("periodic", loop_.periodic(1e12, 0.0)?.into())?;
    count("usr1", loop_.signal(libc::SIGUSR1)?.into())?;
    count("stat_", loop_.stat("/", 0.0)?.into())?;
    count("idle", loop_.idle()?.into())?;
    count("prepare", loop_.prepare()?.into())?;
    count("check", loop_.check()?.into())?;
    count("forked", loop_.fork()?.into())?;
    count("cleanup", loop_.cleanup()?.into())?;
    count("async", loop_.async_()?.into())?;
    for watcher in watchers {
        watcher.stop()?;
        t.mark(&loop_, "stopped")?;
    }
    Ok(())
}

pub(crate) fn a_watcher_without_ref_does_not_keep_the_loop(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(1000.0)?.with_ref(false)?);
    t.start(&timer)?;
    t.mark(&loop_, "started")?;
    t.run(&loop_)?;
    timer.stop()?;
    t.mark(&loop_, "stopped")
}

pub(crate) fn a_watcher_without_ref_fires_while_others_keep_the_loop(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = loop_.timer(-1.0)?.with_priority(1)?.with_ref(false)?;
    let timer = t.watch("timer", timer);
    let other = t.watch("other", loop_.timer(-1.0)?);
    t.start(&timer)?;
    t.start(&other)?;
    t.run(&loop_)
}

pub(crate) fn ref_changed_while_active_counts_at_once(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(1000.0)?);
    t.start(&timer)?;
    t.mark(&loop_, "started")?;
    timer.set_ref(false)?;
    t.mark(&loop_, "without")?;
    timer.set_ref(false)?;
    t.mark(&loop_, "still without")?;
    timer.set_ref(true)?;
    t.mark(&loop_, "with")?;
    timer.set_ref(false)?;
    t.mark(&loop_, "without again")?;
    timer.stop()?;
    t.mark(&loop_, "stopped")
}

pub(crate) fn the_loops_own_count_keeps_it_running(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    loop_.ref_()?;
    t.mark(&loop_, "reference taken")?;
    t.run_nowait(&loop_)?;
    t.start_then(&timer, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            loop_.unref()?;
            t.mark(&loop_, "reference given back")
        }
    })?;
    t.run(&loop_)
}

pub(crate) fn a_run_ends_when_the_last_watcher_is_stopped(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    let other = t.watch("other", loop_.timer(1000.0)?);
    t.start(&other)?;
    t.start_then(&timer, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            other.stop()?;
            t.mark(&loop_, "other stopped")
        }
    })?;
    t.run(&loop_)
}

pub(crate) fn feeding_a_watcher_without_ref_follows_the_same_rule(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(0.0)?.with_ref(false)?);
    t.feed(&timer, Events::CUSTOM)?;
    t.mark(&loop_, "fed")?;
    t.run_nowait(&loop_)
}

pub(crate) fn again_on_a_watcher_without_ref_follows_the_same_rule(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer_repeat(1000.0, 1000.0)?.with_ref(false)?);
    t.again(&timer)?;
    t.mark(&loop_, "again")?;
    t.again(&timer)?;
    t.mark(&loop_, "and again")?;
    t.run(&loop_)?;
    timer.stop()?;
    t.mark(&loop_, "stopped")
}
