//! Timers: gevent's test__core_timer.py.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::core_support::*;
use hub::core::{Error, Events};

#[test]
fn test_main() -> TestResult {
    let loop_ = new_loop()?;
    assert!(!loop_.default());
    let trace = Trace::new();
    let x = loop_.timer(0.001)?;
    x.start(trace.adds("called"))?;
    assert!(x.active());
    assert!(matches!(x.set_priority(1), Err(Error::WatcherInUse(_))));
    run(&loop_)?;
    assert!(!x.pending() && !x.active() && !x.has_callback());
    assert_eq!(trace.take(), ["called"]);
    assert_eq!(x.priority(), 0);
    x.set_priority(1)?;
    assert_eq!(x.priority(), 1);
    x.stop()?;
    Ok(())
}

#[test]
fn again_works_for_a_new_timer() -> TestResult {
    // TestAgain.test_main
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let x = loop_.timer_repeat(100.0, 0.02)?;
    let start = Instant::now();
    loop_.update_now()?;
    x.again({
        let (x, trace) = (x.clone(), trace.clone());
        move || {
            trace.add("called");
            x.stop().unwrap();
        }
    })?;
    assert!(x.active());
    run(&loop_)?;
    assert!(
        start.elapsed() >= Duration::from_millis(19),
        "the repeat time, not the first one"
    );
    assert_eq!(trace.take(), ["called"]);
    Ok(())
}

#[test]
fn again_without_repeat_stops() -> TestResult {
    let loop_ = new_loop()?;
    let (x, drops) = (loop_.timer(10.0)?, Drops::default());
    let witness = drops.witness();
    x.start(move || witness.touch())?;
    x.again(|| ())?;
    assert!(!x.active() && !x.has_callback());
    assert_eq!(drops.count(), 1);
    assert_eq!(loop_.activecnt()?, 0);
    assert_eq!(loop_.started_watchers(), 0);
    Ok(())
}

#[test]
fn again_without_repeat_leaves_a_stopped_timer_alone() -> TestResult {
    // gevent keeps the callback, and takes a reference of the loop that nobody gives back.
    let loop_ = new_loop()?;
    let drops = Drops::default();
    for ref_ in [true, false] {
        let (x, witness) = (loop_.timer(10.0)?.with_ref(ref_)?, drops.witness());
        x.again(move || witness.touch())?;
        assert!(!x.active() && !x.has_callback());
        near(x.remaining()?, 10.0);
        assert_eq!((loop_.activecnt()?, loop_.started_watchers()), (0, 0));
    }
    assert_eq!(drops.count(), 2);
    Ok(())
}

#[test]
fn again_without_repeat_updates_the_clock_too() -> TestResult {
    let loop_ = new_loop()?;
    for update in [false, true] {
        let x = loop_.timer(10.0)?;
        x.start_update(true, || ())?;
        busy_for(0.01);
        // A timer that is stopped keeps what is left by the loop's clock.
        x.again_update(update, || ())?;
        assert!(!x.active());
        assert_eq!(x.remaining()? < 9.995, update);
    }
    Ok(())
}

#[test]
fn callbacks_of_all_starts_may_get_the_events() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let x = loop_.timer_repeat(0.0, 0.0001)?;
    let seen = |what: &'static str| {
        let (trace, x) = (trace.clone(), x.clone());
        move |events| {
            trace.add(format!("{what} {events}"));
            x.stop().unwrap();
        }
    };
    let starts: [&dyn Fn() -> Result<(), Error>; 4] = [
        &|| x.start_update_pass_events(true, seen("start_update")),
        &|| x.again_pass_events(seen("again")),
        &|| x.again_update_pass_events(false, seen("again_update")),
        &|| {
            x.start(|| ())?;
            x.set_callback_pass_events(seen("set_callback"));
            Ok(())
        },
    ];
    for start in starts {
        start()?;
        run(&loop_)?;
    }
    let expected = ["start_update", "again", "again_update", "set_callback"].map(|what| format!("{what} TIMER"));
    assert_eq!(trace.take(), expected);
    Ok(())
}

#[test]
fn again_puts_an_active_timer_off() -> TestResult {
    let loop_ = new_loop()?;
    let x = loop_.timer_repeat(0.0, 50.0)?;
    x.start(|| ())?;
    x.again(|| ())?;
    near(x.remaining()?, 50.0);
    assert_eq!(loop_.activecnt()?, 1);
    x.stop()?;
    Ok(())
}

#[test]
fn again_follows_the_ref_rule() -> TestResult {
    let loop_ = new_loop()?;
    let x = loop_.timer_repeat(1.0, 1.0)?.with_ref(false)?;
    x.again(|| ())?;
    assert_eq!(loop_.activecnt()?, 0);
    x.again(|| ())?;
    assert_eq!(loop_.activecnt()?, 0);
    x.stop()?;
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn a_repeating_timer_repeats() -> TestResult {
    let loop_ = new_loop()?;
    let x = loop_.timer_repeat(0.0, 0.001)?;
    let count = Rc::new(Cell::new(0));
    x.start({
        let (x, count) = (x.clone(), count.clone());
        move || {
            count.set(count.get() + 1);
            assert!(x.active());
            if count.get() == 5 {
                x.stop().unwrap();
            }
        }
    })?;
    run(&loop_)?;
    assert_eq!(count.get(), 5);
    Ok(())
}

#[test]
fn timers_fire_in_the_order_of_their_times() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    for (after, name) in [(0.003, "third"), (0.001, "first"), (0.002, "second"), (-1.0, "past")] {
        loop_.timer(after)?.start(trace.adds(name))?;
    }
    run(&loop_)?;
    assert_eq!(trace.take(), ["past", "first", "second", "third"]);
    Ok(())
}

#[test]
fn timers_of_the_same_time_fire_in_the_order_of_their_start() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    for i in 0..4 {
        loop_.timer(0.001)?.start(trace.adds(i))?;
    }
    run(&loop_)?;
    let mut events = trace.take();
    // libev's heap promises no order for these, only that all of them fire in one iteration.
    events.sort();
    assert_eq!(events, ["0", "1", "2", "3"]);
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn times_that_are_no_times_are_refused() -> TestResult {
    let loop_ = new_loop()?;
    for (after, repeat) in [(f64::NAN, 0.0), (0.0, f64::NAN), (0.0, -0.1), (0.0, f64::NEG_INFINITY)] {
        assert!(
            matches!(loop_.timer_repeat(after, repeat), Err(Error::IllegalTime(_))),
            "{after} {repeat}"
        );
    }
    let x = loop_.timer(0.0)?;
    assert!(x.set(f64::NAN, 0.0).is_err());
    assert!(x.set_repeat(-1.0).is_err());
    assert!(x.set_repeat(f64::NAN).is_err());
    Ok(())
}

#[test]
fn infinity_never_comes() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let never = loop_.timer(f64::INFINITY)?.with_ref(false)?;
    never.start(trace.adds("never"))?;
    let rarely = loop_.timer_repeat(0.0, f64::INFINITY)?.with_ref(false)?;
    rarely.start(trace.adds("once"))?;
    loop_.timer(f64::NEG_INFINITY)?.start(trace.adds("at once"))?;
    loop_.timer(0.002)?.start(trace.adds("last"))?;
    run(&loop_)?;
    let events = trace.take();
    assert_eq!(events.len(), 3, "{events:?}");
    assert_eq!(events[2], "last");
    loop_.verify()?;
    never.stop()?;
    rarely.stop()?;
    // The sum of both infinities is NaN: such a timer would stay ahead of all others in the heap, so that none fires.
    let both = loop_.timer_repeat(f64::NEG_INFINITY, f64::INFINITY)?.with_ref(false)?;
    both.start(trace.adds("once"))?;
    loop_.run_nowait()?;
    assert!(both.at().is_infinite());
    assert_eq!(trace.take(), ["once"]);
    both.stop()?;
    both.set(f64::NEG_INFINITY, f64::INFINITY)?;
    both.start(|| ())?;
    loop_.run_nowait()?;
    assert!(both.at().is_infinite());
    loop_.verify()?;
    never.start(trace.adds("never"))?;
    loop_.verify()?;
    Ok(())
}

#[test]
fn a_stopped_timer_keeps_the_rest_of_its_time_and_set_makes_it_fresh() -> TestResult {
    let loop_ = new_loop()?;
    let x = loop_.timer(10.0)?;
    x.start(|| ())?;
    busy_for(0.005);
    loop_.update_now()?;
    x.stop()?;
    assert!(x.at() < 9.996, "{}", x.at());
    x.set(10.0, 0.0)?;
    near(x.at(), 10.0);
    x.start(|| ())?;
    assert!(matches!(x.set(1.0, 0.0), Err(Error::WatcherInUse(_))));
    near(x.remaining()?, 10.0);
    x.stop()?;
    Ok(())
}

#[test]
fn start_update_decides_about_the_clock() -> TestResult {
    let loop_ = new_loop()?;
    loop_.update_now()?;
    let stale = loop_.now()?;
    busy_for(0.002);
    let x = loop_.timer(1.0)?;
    x.start(|| ())?;
    near(loop_.now()?, stale);
    x.start_update(false, || ())?;
    near(loop_.now()?, stale);
    x.start_update(true, || ())?;
    assert!(loop_.now()? > stale + 0.001);
    x.stop()?;
    Ok(())
}

#[test]
fn a_timer_can_be_fed() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let x = loop_.timer(100.0)?;
    let seen = trace.clone();
    x.feed_pass_events(Events::TIMER, move |events| seen.add(events))?;
    run(&loop_)?;
    assert_eq!(trace.take(), ["TIMER"]);
    Ok(())
}

#[test]
fn suspending_the_clock_puts_timers_off() -> TestResult {
    let loop_ = new_loop()?;
    let x = loop_.timer(10.0)?;
    x.start_update(true, || ())?;
    loop_.suspend()?;
    let left = x.remaining()?;
    busy_for(0.01);
    loop_.resume()?;
    near(x.remaining()?, left);
    x.stop()?;
    Ok(())
}
