//! Queued callbacks: gevent's test__core_callback.py, test__loop_callback.py.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::core_support::*;
use hub::core::{getswitchinterval, setswitchinterval};

#[test]
fn test() -> TestResult {
    // test__core_callback.py
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let x = loop_.run_callback(trace.adds("f"))?;
    assert!(x.scheduled() && x.pending());
    run(&loop_)?;
    assert_eq!(trace.take(), ["f"]);
    assert!(!x.scheduled() && !x.pending());

    let x = loop_.run_callback(trace.adds("f"))?;
    assert!(x.scheduled());
    x.stop();
    assert!(!x.scheduled() && !x.pending());
    assert_eq!(loop_.activecnt()?, 1, "its place in the queue stays");
    run(&loop_)?;
    assert_eq!(trace.take(), [""; 0]);
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn a_running_callback_is_scheduled_but_not_pending() -> TestResult {
    let loop_ = new_loop()?;
    let handle = Rc::new(std::cell::RefCell::new(None::<hub::core::Callback>));
    let states = Trace::new();
    let callback = loop_.run_callback({
        let (handle, states) = (handle.clone(), states.clone());
        move || {
            let me = handle.borrow().clone().unwrap();
            states.add(format!("{} {}", me.pending(), me.scheduled()));
            assert!(format!("{me:?}").contains(" running "), "{me:?}");
            me.stop();
            states.add(format!("{} {}", me.pending(), me.scheduled()));
        }
    })?;
    handle.replace(Some(callback.clone()));
    assert!(format!("{callback:?}").starts_with("<callback at 0x"), "{callback:?}");
    assert!(format!("{callback:?}").contains(" pending callback="), "{callback:?}");
    run(&loop_)?;
    assert_eq!(states.take(), ["false true", "false false"]);
    assert!(format!("{callback:?}").ends_with(" stopped>"), "{callback:?}");
    handle.take();
    Ok(())
}

#[test]
fn stop_drops_the_function() -> TestResult {
    let loop_ = new_loop()?;
    let drops = Drops::default();
    let witness = drops.witness();
    let callback = loop_.run_callback(move || drop(witness))?;
    callback.close();
    assert_eq!(drops.count(), 1);
    Ok(())
}

#[test]
fn callbacks_run_in_order_and_each_keeps_the_loop_running() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    for i in 0..5 {
        loop_.run_callback(trace.adds(i))?;
    }
    assert_eq!(loop_.activecnt()?, 5);
    assert_eq!(loop_.queued_callbacks(), 5);
    run(&loop_)?;
    assert_eq!(trace.take(), ["0", "1", "2", "3", "4"]);
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn a_callback_queued_by_a_callback_runs_in_the_same_round() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    loop_.check()?.with_ref(false)?.start(trace.adds("check"))?;
    loop_.run_callback({
        let (loop_, trace) = (loop_.clone(), trace.clone());
        move || {
            trace.add("outer");
            loop_.run_callback(trace.adds("inner")).unwrap();
        }
    })?;
    loop_.run_nowait()?;
    assert_eq!(trace.take(), ["outer", "inner", "check"]);
    Ok(())
}

#[test]
fn callbacks_that_queue_themselves_do_not_starve_watchers() -> TestResult {
    let loop_ = new_loop()?;
    let (count, done) = (Rc::new(Cell::new(0u64)), Rc::new(Cell::new(false)));
    fn again(loop_: &hub::core::Loop, count: &Rc<Cell<u64>>, done: &Rc<Cell<bool>>) {
        count.set(count.get() + 1);
        if !done.get() {
            let captured = (loop_.clone(), count.clone(), done.clone());
            loop_
                .run_callback(move || again(&captured.0, &captured.1, &captured.2))
                .unwrap();
        }
    }
    again(&loop_, &count, &done);
    loop_.timer(0.02)?.start({
        let done = done.clone();
        move || done.set(true)
    })?;
    run(&loop_)?;
    assert!(done.get());
    assert!(count.get() > 50, "{}", count.get());
    Ok(())
}

#[test]
fn a_round_is_cut_only_at_a_multiple_of_fifty() -> TestResult {
    let loop_ = new_loop()?;
    let slow = || busy_for(2.0 * getswitchinterval());
    for (queued, run_in_first_round) in [(49, 49), (50, 50), (51, 50), (149, 50)] {
        let ran = Rc::new(Cell::new(0));
        loop_.update_now()?;
        loop_.run_callback(slow)?;
        for _ in 1..queued {
            let ran = ran.clone();
            loop_.run_callback(move || ran.set(ran.get() + 1))?;
        }
        loop_.run_nowait()?;
        assert_eq!(ran.get() + 1, run_in_first_round, "of {queued}");
        run(&loop_)?;
        assert_eq!(ran.get() + 1, queued);
    }
    Ok(())
}

#[test]
fn the_switch_interval_can_be_set() -> TestResult {
    // The interval is set to the value that it has, so that other tests are not affected.
    near(getswitchinterval(), 0.005);
    setswitchinterval(0.005)?;
    near(getswitchinterval(), 0.005);
    assert!(setswitchinterval(0.0).is_err());
    assert!(setswitchinterval(-1.0).is_err());
    assert!(setswitchinterval(f64::NAN).is_err());
    near(getswitchinterval(), 0.005);
    Ok(())
}

#[test]
fn while_callbacks_run_starting_a_timer_updates_the_clock() -> TestResult {
    let loop_ = new_loop()?;
    assert!(!loop_.starting_timer_may_update_loop_time());
    let fired_after = Rc::new(Cell::new(Duration::ZERO));
    loop_.run_callback({
        let (loop_, fired_after) = (loop_.clone(), fired_after.clone());
        move || {
            assert!(loop_.starting_timer_may_update_loop_time());
            busy_for(0.03);
            let start = Instant::now();
            // Counted from the stale clock, the timer would fire at once.
            loop_
                .timer(0.02)
                .unwrap()
                .start(move || fired_after.set(start.elapsed()))
                .unwrap();
        }
    })?;
    run(&loop_)?;
    let fired_after = fired_after.get();
    assert!(fired_after >= Duration::from_millis(19), "{fired_after:?}");
    assert!(!loop_.starting_timer_may_update_loop_time());
    Ok(())
}

#[test]
fn a_callback_may_run_the_loop() -> TestResult {
    let loop_ = new_loop()?;
    let trace = Trace::new();
    loop_.run_callback({
        let (loop_, trace) = (loop_.clone(), trace.clone());
        move || {
            trace.add("outer begins");
            loop_.run().unwrap();
            assert!(loop_.starting_timer_may_update_loop_time(), "the outer round goes on");
            trace.add("outer ends");
        }
    })?;
    loop_.run_callback(trace.adds("second"))?;
    run(&loop_)?;
    assert_eq!(trace.take(), ["outer begins", "second", "outer ends"]);
    assert!(!loop_.starting_timer_may_update_loop_time());
    Ok(())
}

#[test]
fn a_panicking_destructor_does_not_lose_the_rest_of_the_queue() -> TestResult {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("destructor");
        }
    }
    let loop_ = new_loop()?;
    let trace = Trace::new();
    let bomb = Bomb;
    loop_.run_callback(move || {
        let _bomb = bomb;
    })?;
    loop_.run_callback(trace.adds("rest"))?;
    let errors = collect_errors(&loop_);
    run(&loop_)?;
    assert_eq!(trace.take(), ["rest"]);
    assert_eq!(errors.take(), ["callback: panicked: destructor"]);
    Ok(())
}
