//! The Rust halves of children.c.

use hub::core::{Child, Loop};
use libc::{SIGCONT, SIGKILL, SIGSTOP, SIGTERM};

use crate::system::{await_end, fork, kill, pause_for_ever, try_wait};
use crate::trace::{TestResult, Trace};

/// Starts a child that ends with `status`, or waits for a signal if that is `None`.
fn make_child(status: Option<i32>) -> TestResult<i32> {
    fork(move || match status {
        Some(status) => status,
        None => pause_for_ever(),
    })
}

/// Starts a new watcher of a child. The process that it watches is the global variable `a` in the C halves.
fn start_over(t: &Trace, child: &Child, a: i32, then: impl Fn() -> TestResult + 'static) -> TestResult {
    t.start_then(child, {
        let (t, child) = (t.clone(), child.clone());
        move || {
            t.value("of the one watched", (child.rpid() == a).into())?;
            t.value("status", child.rstatus().into())?;
            child.stop()?;
            then()
        }
    })
}

fn watch_over(t: &Trace, loop_: &Loop, name: &'static str, pid: i32, a: i32) -> TestResult<Child> {
    let child = t.watch(name, loop_.child(pid, false)?);
    start_over(t, &child, a, || Ok(()))?;
    Ok(child)
}

pub(crate) fn one_ends_with_a_status(t: &Trace) -> TestResult {
    let loop_ = t.default_loop()?;
    t.only_order();
    loop_.install_sigchld()?;
    let pid = make_child(Some(7))?;
    watch_over(t, &loop_, "a", pid, pid)?;
    t.run(&loop_)
}

pub(crate) fn one_is_killed(t: &Trace) -> TestResult {
    let loop_ = t.default_loop()?;
    t.only_order();
    let pid = make_child(None)?;
    watch_over(t, &loop_, "a", pid, pid)?;
    kill(pid, SIGTERM)?;
    t.run(&loop_)
}

fn start_next_state(t: &Trace, child: &Child) -> TestResult {
    t.start_then(child, {
        let (t, child) = (t.clone(), child.clone());
        move || {
            let status = child.rstatus();
            t.value("status", status.into())?;
            if libc::WIFSTOPPED(status) {
                kill(child.rpid(), SIGCONT)
            } else if libc::WIFCONTINUED(status) {
                kill(child.rpid(), SIGKILL)
            } else {
                Ok(child.stop()?)
            }
        }
    })
}

pub(crate) fn one_is_stopped_continued_and_killed(t: &Trace) -> TestResult {
    let loop_ = t.default_loop()?;
    t.only_order();
    let pid = make_child(None)?;
    let a = t.watch("a", loop_.child(pid, true)?);
    start_next_state(t, &a)?;
    kill(pid, SIGSTOP)?;
    t.run(&loop_)
}

pub(crate) fn without_trace_only_the_end_counts(t: &Trace) -> TestResult {
    let loop_ = t.default_loop()?;
    t.only_order();
    let pid = make_child(None)?;
    watch_over(t, &loop_, "a", pid, pid)?;
    let b = t.watch("b", loop_.child(pid, true)?);
    start_next_state(t, &b)?;
    kill(pid, SIGSTOP)?;
    t.run(&loop_)
}

pub(crate) fn a_watcher_of_any_child_comes_after_that_of_the_one(t: &Trace) -> TestResult {
    let loop_ = t.default_loop()?;
    t.only_order();
    loop_.install_sigchld()?;
    let pid = make_child(Some(3))?;
    watch_over(t, &loop_, "any", 0, pid)?;
    watch_over(t, &loop_, "a", pid, pid)?;
    t.run(&loop_)
}

pub(crate) fn one_after_another(t: &Trace) -> TestResult {
    let loop_ = t.default_loop()?;
    t.only_order();
    loop_.install_sigchld()?;
    let second = make_child(None)?;
    let pid = make_child(Some(1))?;
    let a = t.watch("a", loop_.child(pid, false)?);
    watch_over(t, &loop_, "b", second, pid)?;
    start_over(t, &a, pid, move || kill(second, SIGKILL))?;
    t.run(&loop_)
}

pub(crate) fn two_that_ended_before_the_loop_looked(t: &Trace) -> TestResult {
    let loop_ = t.default_loop()?;
    t.only_order();
    loop_.install_sigchld()?;
    let pid = make_child(Some(1))?;
    watch_over(t, &loop_, "a", pid, pid)?;
    await_end(pid)?;
    let second = make_child(Some(2))?;
    watch_over(t, &loop_, "b", second, pid)?;
    await_end(second)?;
    t.run(&loop_)?;
    t.value("left to be waited for", try_wait(-1).is_ok().into())
}

pub(crate) fn a_stopped_watcher_does_not_keep_the_child_from_being_reaped(t: &Trace) -> TestResult {
    let loop_ = t.default_loop()?;
    t.only_order();
    loop_.install_sigchld()?;
    let second = make_child(Some(2))?;
    let pid = make_child(Some(1))?;
    watch_over(t, &loop_, "a", pid, pid)?;
    let b = watch_over(t, &loop_, "b", second, pid)?;
    b.stop()?;
    await_end(second)?;
    t.run(&loop_)?;
    t.value("left to be waited for", try_wait(second).is_ok().into())
}
