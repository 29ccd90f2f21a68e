//! The Rust halves of asyncs.c.

use std::thread;

use hub::core::Async;

use crate::trace::{TestResult, Trace};

pub(crate) fn several_sends_are_one_event(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.async_()?);
    t.start(&a)?;
    t.mark(&loop_, "started")?;
    for _ in 0..3 {
        a.send()?;
    }
    t.mark(&loop_, "sent")?;
    t.run_once(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn each_watcher_gets_its_own(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.async_()?);
    let b = t.watch("b", loop_.async_()?);
    t.start(&a)?;
    t.start(&b)?;
    b.send()?;
    a.send()?;
    t.run_once(&loop_)?;
    b.send()?;
    t.run_once(&loop_)
}

pub(crate) fn sent_from_a_callback(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    let b = t.watch("b", loop_.async_()?);
    t.start(&b)?;
    t.start_then(&timer, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            b.send()?;
            t.mark(&loop_, "sent")
        }
    })?;
    t.run_once(&loop_)?;
    t.run_once(&loop_)
}

pub(crate) fn a_stop_forgets_what_was_sent(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.async_()?);
    t.start(&a)?;
    a.send()?;
    t.mark(&loop_, "sent")?;
    a.stop()?;
    t.mark(&loop_, "stopped")?;
    t.run_nowait(&loop_)?;
    t.start(&a)?;
    t.mark(&loop_, "started again")?;
    t.run_nowait(&loop_)
}

fn send_some(async_: &Async) -> thread::JoinHandle<()> {
    let sender = async_.sender();
    thread::spawn(move || {
        for _ in 0..10 {
            // The loop may stop the watcher, but does not close it, so the send succeeds.
            sender.send().expect("the watcher lives");
        }
    })
}

pub(crate) fn another_threads_sends_are_one_event(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.async_()?);
    t.start(&a)?;
    let thread = send_some(&a);
    t.value("thread failed", thread.join().is_err().into())?;
    t.mark(&loop_, "sent")?;
    t.run_once(&loop_)?;
    t.run_nowait(&loop_)
}

pub(crate) fn another_thread_wakes_a_loop_that_waits(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    t.only_order();
    let a = t.watch("a", loop_.async_()?);
    t.start_then(&a, {
        let a = a.clone();
        move || Ok(a.stop()?)
    })?;
    let thread = send_some(&a);
    t.run(&loop_)?;
    t.value("thread failed", thread.join().is_err().into())
}
