//! The Rust halves of order.c.

use hub::core::{Async, Check, Events, Idle, Io, Loop, MAXPRI, MINPRI, Periodic, Prepare, Signal, Timer};

use crate::system::{make_pipe, put, raise};
use crate::trace::{TestResult, Trace};

fn due(loop_: &Loop, priority: i32) -> TestResult<Timer> {
    Ok(loop_.timer(-1.0)?.with_priority(priority)?)
}

pub(crate) fn higher_priorities_first(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let lowest = t.watch("lowest", due(&loop_, MINPRI)?);
    let low = t.watch("low", due(&loop_, -1)?);
    let middle = t.watch("middle", due(&loop_, 0)?);
    let high = t.watch("high", due(&loop_, 1)?);
    let highest = t.watch("highest", due(&loop_, MAXPRI)?);
    for timer in [&middle, &lowest, &highest, &low, &high] {
        t.start(timer)?;
    }
    t.run(&loop_)
}

pub(crate) fn priorities_out_of_range_are_brought_in_by_the_start(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let lowest = t.watch("lowest", due(&loop_, -100)?);
    let low = t.watch("low", due(&loop_, MINPRI)?);
    let high = t.watch("high", due(&loop_, MAXPRI)?);
    let highest = t.watch("highest", due(&loop_, 100)?);
    t.value("before", lowest.priority().into())?;
    t.value("before", highest.priority().into())?;
    for timer in [&lowest, &low, &high, &highest] {
        t.start(timer)?;
    }
    t.value("after", lowest.priority().into())?;
    t.value("after", highest.priority().into())?;
    t.run(&loop_)
}

/// Watchers for every kind of event in one iteration.
struct Everything {
    loop_: Loop,
    io: Io,
    timer: Timer,
    periodic: Periodic,
    usr1: Signal,
    idle: Idle,
    prepare: Prepare,
    check: Check,
    async_: Async,
}

impl Everything {
    fn new(t: &Trace) -> TestResult<Everything> {
        let loop_ = t.new_loop()?;
        let [reader, writer] = make_pipe()?;
        put(writer, "x")?;
        Ok(Everything {
            io: loop_.io(reader, Events::READ)?,
            timer: loop_.timer(-1.0)?,
            periodic: loop_.periodic(1.0, 0.0)?,
            usr1: loop_.signal(libc::SIGUSR1)?,
            idle: loop_.idle()?,
            prepare: loop_.prepare()?,
            check: loop_.check()?,
            async_: loop_.async_()?,
            loop_,
        })
    }

    fn at_once(self, t: &Trace) -> TestResult {
        let io = t.watch("io", self.io);
        let timer = t.watch("timer", self.timer);
        let periodic = t.watch("periodic", self.periodic);
        let usr1 = t.watch("usr1", self.usr1);
        let idle = t.watch("idle", self.idle);
        let prepare = t.watch("prepare", self.prepare);
        let check = t.watch("check", self.check);
        let async_ = t.watch("async", self.async_);
        t.start(&io)?;
        t.start(&timer)?;
        t.start(&periodic)?;
        t.start(&usr1)?;
        t.start(&idle)?;
        t.start(&prepare)?;
        t.start(&check)?;
        t.start(&async_)?;
        t.mark(&self.loop_, "started")?;
        async_.send()?;
        raise(libc::SIGUSR1)?;
        t.mark(&self.loop_, "sent and raised")?;
        t.run_nowait(&self.loop_)?;
        t.run_nowait(&self.loop_)
    }
}

pub(crate) fn types_within_one_priority(t: &Trace) -> TestResult {
    Everything::new(t)?.at_once(t)
}

pub(crate) fn priority_goes_before_type(t: &Trace) -> TestResult {
    let all = Everything::new(t)?;
    all.io.set_priority(1)?;
    all.timer.set_priority(2)?;
    all.periodic.set_priority(-1)?;
    all.usr1.set_priority(1)?;
    all.idle.set_priority(2)?;
    all.prepare.set_priority(-2)?;
    all.check.set_priority(-1)?;
    all.async_.set_priority(2)?;
    all.at_once(t)
}

pub(crate) fn prepares_and_checks_of_one_priority(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let prepare = t.watch("prepare", loop_.prepare()?);
    let second_prepare = t.watch("second_prepare", loop_.prepare()?);
    let check = t.watch("check", loop_.check()?);
    let second_check = t.watch("second_check", loop_.check()?);
    t.start(&prepare)?;
    t.start(&second_prepare)?;
    t.start(&check)?;
    t.start(&second_check)?;
    t.run_nowait(&loop_)?;
    prepare.stop()?;
    t.start(&prepare)?;
    check.stop()?;
    t.start(&check)?;
    t.run_nowait(&loop_)
}

pub(crate) fn a_stop_takes_back_what_is_pending(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let high = t.watch("high", due(&loop_, 1)?);
    let middle = t.watch("middle", due(&loop_, 0)?);
    let low = t.watch("low", due(&loop_, -1)?);
    t.start(&low)?;
    t.start(&middle)?;
    t.start_then(&high, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            middle.stop()?;
            t.mark(&loop_, "middle stopped")
        }
    })?;
    t.run(&loop_)
}

pub(crate) fn what_a_callback_starts_has_to_wait_for_the_next_iteration(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let high = t.watch("high", due(&loop_, 2)?);
    let middle = t.watch("middle", due(&loop_, 0)?);
    let low = t.watch("low", due(&loop_, -1)?);
    t.start_then(&middle, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            t.start(&high)?;
            t.mark(&loop_, "high started")
        }
    })?;
    t.start(&low)?;
    t.run(&loop_)
}

pub(crate) fn what_a_callback_feeds_overtakes_lower_priorities(t: &Trace) -> TestResult {
    let loop_ = t.new_loop()?;
    let high = t.watch("high", due(&loop_, 2)?);
    let middle = t.watch("middle", due(&loop_, 0)?);
    let low = t.watch("low", due(&loop_, -1)?);
    t.start_then(&middle, {
        let (t, loop_) = (t.clone(), loop_.clone());
        move || {
            t.feed(&high, Events::CUSTOM)?;
            t.mark(&loop_, "high fed")
        }
    })?;
    t.start(&low)?;
    t.run(&loop_)
}
