//! The Rust halves of feeds.c.

use hub::core::{Events, Io, Loop, Timer};

use crate::system::{make_pipe, make_socketpair};
use crate::trace::{TestResult, Trace};

pub(crate) fn an_active_watcher_gets_what_it_is_fed(t: &Trace) -> TestResult {
    let [reader, _] = make_pipe()?;
    let loop_ = t.new_loop()?;
    let reading = t.watch("reading", loop_.io(reader, Events::READ)?);
    t.start(&reading)?;
    t.feed(&reading, Events::WRITE | Events::CUSTOM)?;
    t.mark(&loop_, "fed")?;
    t.run_nowait(&loop_)
}

pub(crate) fn a_watcher_need_not_be_started(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(1000.0)?);
    t.feed(&timer, Events::TIMER)?;
    t.mark(&loop_, "fed")?;
    t.run(&loop_)?;
    t.run(&loop_)
}

pub(crate) fn two_feeds_are_one_event(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(1000.0)?);
    t.feed(&timer, Events::TIMER)?;
    t.feed(&timer, Events::CUSTOM)?;
    t.mark(&loop_, "fed")?;
    t.run(&loop_)
}

pub(crate) fn of_one_priority_the_last_fed_comes_first(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(1000.0)?);
    let other = t.watch("other", loop_.timer(1000.0)?);
    let prepare = t.watch("prepare", loop_.prepare()?);
    t.feed(&timer, Events::CUSTOM)?;
    t.feed(&prepare, Events::CUSTOM)?;
    t.feed(&other, Events::CUSTOM)?;
    t.mark(&loop_, "fed")?;
    t.run(&loop_)
}

pub(crate) fn a_stop_takes_the_event_back(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(1000.0)?);
    let other = t.watch("other", loop_.timer(1000.0)?);
    t.feed(&timer, Events::CUSTOM)?;
    t.feed(&other, Events::CUSTOM)?;
    timer.stop()?;
    t.mark(&loop_, "fed and stopped")?;
    t.run(&loop_)
}

fn feed_times(t: &Trace, timer: &Timer, events: Events, times: u32) -> TestResult {
    t.feed_then(timer, events, {
        let (t, timer) = (t.clone(), timer.clone());
        move || {
            if times == 1 {
                return Ok(());
            }
            feed_times(&t, &timer, Events::CUSTOM, times - 1)?;
            t.mark(timer.loop_(), "fed again")
        }
    })
}

pub(crate) fn a_watcher_may_feed_itself(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(1000.0)?);
    feed_times(t, &timer, Events::TIMER, 3)?;
    t.run(&loop_)
}

pub(crate) fn a_fed_timer_is_still_due(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    t.start(&timer)?;
    t.feed(&timer, Events::CUSTOM)?;
    t.mark(&loop_, "fed")?;
    t.run(&loop_)
}

fn watch_socketpair(t: &Trace, loop_: &Loop) -> TestResult<[i32; 2]> {
    let ends = make_socketpair()?;
    let watch = |name, fd, events| -> TestResult<Io> {
        let io = t.watch(name, loop_.io(fd, events)?);
        Ok(io)
    };
    let ios = [
        watch("reading", ends[0], Events::READ)?,
        watch("writing", ends[0], Events::WRITE)?,
        watch("both", ends[0], Events::READWRITE)?,
        watch("elsewhere", ends[1], Events::READ)?,
    ];
    for io in &ios {
        t.start(io)?;
    }
    Ok(ends)
}

pub(crate) fn closing_a_descriptor_tells_every_watcher_of_it(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let [fd, _] = watch_socketpair(t, &loop_)?;
    t.run_nowait(&loop_)?;
    t.value("somebody watches", loop_.closing_fd(fd)?.into())?;
    t.mark(&loop_, "fed")?;
    t.run_nowait(&loop_)
}

pub(crate) fn a_descriptor_that_nobody_watches(t: &Trace) -> TestResult {
    let [other, _] = make_pipe()?;
    let loop_ = t.new_loop()?;
    watch_socketpair(t, &loop_)?;
    t.run_nowait(&loop_)?;
    let mut any = false;
    for fd in [other, 12345, -1] {
        any |= loop_.closing_fd(fd)?;
    }
    t.value("somebody watches", any.into())?;
    t.mark(&loop_, "fed")
}

pub(crate) fn closing_a_descriptor_that_was_just_changed(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let [fd, _] = watch_socketpair(t, &loop_)?;
    t.value("somebody watches", loop_.closing_fd(fd)?.into())?;
    t.mark(&loop_, "fed")
}
