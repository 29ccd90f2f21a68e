//! The Rust halves of signals.c.

use hub::core::LoopFlags;
use libc::{SIGHUP, SIGUSR1, SIGUSR2};

use crate::system::{ignore_signal, raise, signal_is_default};
use crate::trace::{TestResult, Trace};

pub(crate) fn several_are_one_event(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.signal(SIGUSR1)?);
    t.start(&a)?;
    for _ in 0..3 {
        raise(SIGUSR1)?;
    }
    t.mark(&loop_, "raised")?;
    t.run_once(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn all_watchers_of_one_are_called(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.signal(SIGUSR1)?);
    let b = t.watch("b", loop_.signal(SIGUSR1)?.with_priority(1)?);
    let c = t.watch("c", loop_.signal(SIGUSR2)?);
    for signal in [&a, &b, &c] {
        t.start(signal)?;
    }
    raise(SIGUSR1)?;
    t.run_once(&loop_)?;
    a.stop()?;
    t.mark(&loop_, "a stopped")?;
    raise(SIGUSR1)?;
    t.run_once(&loop_)
}

pub(crate) fn different_ones_in_one_iteration(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.signal(SIGUSR1)?);
    let b = t.watch("b", loop_.signal(SIGUSR2)?);
    let c = t.watch("c", loop_.signal(SIGHUP)?);
    for signal in [&a, &b, &c] {
        t.start(signal)?;
    }
    for signum in [SIGUSR2, SIGHUP, SIGUSR1] {
        raise(signum)?;
    }
    t.run_once(&loop_)
}

pub(crate) fn raised_in_a_callback(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    let a = t.watch("a", loop_.signal(SIGUSR1)?);
    t.start(&a)?;
    t.start_then(&timer, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            raise(SIGUSR1)?;
            t.mark(&loop_, "raised")
        }
    })?;
    t.run_once(&loop_)?;
    t.run_once(&loop_)
}

fn is_default(t: &Trace, signum: i32) -> TestResult {
    let is_default = signal_is_default(signum)?;
    t.value("sigaction", 0)?;
    t.value("is the default", is_default.into())
}

pub(crate) fn the_last_stop_restores_the_default_action(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.signal(SIGUSR1)?);
    let b = t.watch("b", loop_.signal(SIGUSR1)?);
    ignore_signal(SIGUSR1);
    t.start(&a)?;
    t.start(&b)?;
    is_default(t, SIGUSR1)?;
    a.stop()?;
    is_default(t, SIGUSR1)?;
    b.stop()?;
    is_default(t, SIGUSR1)?;
    t.mark(&loop_, "stopped")
}

pub(crate) fn one_raised_and_stopped_before_the_loop_looks(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.signal(SIGUSR1)?);
    t.start(&a)?;
    raise(SIGUSR1)?;
    a.stop()?;
    t.mark(&loop_, "raised and stopped")?;
    t.run_nowait(&loop_)?;
    t.start(&a)?;
    t.run_nowait(&loop_)
}

pub(crate) fn received_by_a_descriptor(t: &Trace) -> TestResult {
    let loop_ = t.new_loop_with(LoopFlags::SIGNALFD)?;
    let a = t.watch("a", loop_.signal(SIGUSR1)?);
    let b = t.watch("b", loop_.signal(SIGUSR2)?);
    t.start(&a)?;
    t.start(&b)?;
    for signum in [SIGUSR1, SIGUSR1, SIGUSR2] {
        raise(signum)?;
    }
    t.mark(&loop_, "raised")?;
    t.run_once(&loop_)?;
    t.run_nowait(&loop_)?;
    a.stop()?;
    b.stop()?;
    t.mark(&loop_, "stopped")
}

pub(crate) fn one_loop_after_another(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let second = t.new_loop()?;
    let a = t.watch("a", loop_.signal(SIGUSR1)?);
    let b = t.watch("b", second.signal(SIGUSR1)?);
    t.start(&a)?;
    raise(SIGUSR1)?;
    t.run_once(&loop_)?;
    a.stop()?;
    t.start(&b)?;
    raise(SIGUSR1)?;
    t.run_once(&second)?;
    t.run_nowait(&loop_)
}
