//! `assert_switches`: the counterpart of `TestAssertSwitches`.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use gevent::greenlet_core::{Tracer, gettrace, settrace};
use gevent::util::{AssertSwitches, FailedToSwitch, assert_switches};
use gevent::{Exception, get_hub, sleep, spawn};

use crate::support::{ExpectedError, TestResult, bounded, fail};

/// Blocks the thread.
fn block(milliseconds: u64) -> TestResult {
    thread::sleep(Duration::from_millis(milliseconds));
    Ok(())
}

fn failed<T>(result: Result<T, Exception>) -> FailedToSwitch {
    let error = result.err().expect("it has not switched");
    error
        .downcast_ref::<FailedToSwitch>()
        .expect("it is that error")
        .clone()
}

#[test]
fn test_time_sleep() -> TestResult {
    // Without a time, that nothing has switched is enough.
    let error = failed(assert_switches(|| block(1)));
    let text = error.to_string();
    assert!(text.starts_with("To any greenlet in 0."), "{text}");
    assert!(error.report.contains("appears to be blocked"), "{text}");
    assert!(error.report.contains("test_time_sleep"), "{text}");
    assert!(error.report.contains("* Greenlets"), "{text}");
    assert!(error.seconds > 0.0009);
    // With a time that is too short.
    failed(AssertSwitches::new().max_blocking_time(0.001).with(|| block(20)));
    // The hub is wanted, and nobody has switched to it.
    let error = failed(AssertSwitches::new().max_blocking_time(60).hub_only().with(|| block(0)));
    let text = error.to_string();
    assert!(text.starts_with("To the hub in 0."), "{text}");
    assert!(text.contains("(max allowed 60.0000 seconds)"), "{text}");
    // With a time that is long enough.
    AssertSwitches::new().max_blocking_time(60).with(|| block(0))
}

#[test]
fn test_no_switches_no_function() -> TestResult {
    failed(assert_switches(|| Ok(())));
    AssertSwitches::new().max_blocking_time(60).with(|| Ok(()))?;
    // 0 is no limit, as in gevent.
    failed(AssertSwitches::new().max_blocking_time(0).with(|| Ok(())));
    failed(AssertSwitches::new().max_blocking_time(None).hub_only().with(|| Ok(())));
    assert_eq!(assert_switches(|| sleep(0).map(|()| 7))?, 7);
    AssertSwitches::new().max_blocking_time(60).hub_only().with(|| sleep(0))
}

#[test]
fn test_exception_not_supressed() {
    let error = assert_switches(|| fail::<()>("raised")).unwrap_err();
    assert!(error.is::<ExpectedError>());
    // A panic goes on, too, and the tracer is gone.
    let panicked = std::panic::catch_unwind(|| assert_switches::<()>(|| panic!("on purpose")));
    assert!(panicked.is_err());
    assert!(gettrace().is_none());
}

#[test]
fn test_nested() -> TestResult {
    let _bounded = bounded();
    let seen = Rc::new(Cell::new(0));
    let its = seen.clone();
    let own = Tracer::new(move |_, _, _| {
        its.set(its.get() + 1);
        Ok(())
    });
    settrace(Some(own.clone()));
    assert_switches(|| {
        let outer = gettrace().expect("that of the outer one");
        assert!(!Rc::ptr_eq(&outer, &own));
        // Both, and the one that was set before, see this.
        assert_switches(|| sleep(0))?;
        assert!(seen.get() >= 2);
        assert!(Rc::ptr_eq(&gettrace().expect("it is set still"), &outer));
        // The inner one sees nothing, and the outer one has seen something.
        failed(assert_switches(|| Ok(())));
        Ok(())
    })?;
    assert!(Rc::ptr_eq(&gettrace().expect("it is set again"), &own));
    settrace(None);
    Ok(())
}

/// Functions that are watched in several greenlets end in any order, and each is told of all switches.
#[test]
fn test_tracers_of_the_program_in_between_are_told_once() -> TestResult {
    let count = Rc::new(Cell::new(0));
    // Each tells the tracer that was set before, as is usual.
    let chained = |count: &Rc<Cell<u32>>| {
        let (count, before) = (count.clone(), gettrace());
        Tracer::new(move |event, origin, target| {
            count.set(count.get() + 1);
            before
                .as_ref()
                .map_or(Ok(()), |before| before.call(event, origin, target))
        })
    };
    let first = chained(&count);
    settrace(Some(first.clone()));
    let inner = Rc::new(Cell::new(0));
    assert_switches(|| {
        let own = chained(&inner);
        settrace(Some(own.clone()));
        assert_switches(|| sleep(0))?;
        assert!(gettrace().is_some_and(|set| Rc::ptr_eq(&set, &own)));
        // Once to the hub, and once back.
        assert_eq!((count.get(), inner.get()), (2, 2));
        settrace(None);
        Ok::<_, Exception>(())
    })?;
    assert!(gettrace().is_none());
    Ok(())
}

#[test]
fn test_others_are_watched_meanwhile() -> TestResult {
    let _bounded = bounded();
    let greenlets: Vec<_> = [3, 1, 4, 1, 5, 2, 0]
        .into_iter()
        .map(|rounds| {
            spawn(move || {
                let watched = assert_switches(|| {
                    for _ in 0..rounds {
                        sleep(0)?;
                    }
                    Ok(())
                });
                watched.is_ok() == (rounds > 0)
            })
        })
        .collect();
    // One is unwound while it is watched, and one dies.
    let unwound = spawn(|| assert_switches(|| sleep(100)));
    let killed = spawn(|| assert_switches(|| sleep(100)));
    sleep(0)?;
    assert!(gettrace().is_some());
    killed.kill()?;
    unwound.raw().unwind();
    for greenlet in &greenlets {
        assert!(greenlet.get()?);
    }
    assert!(gettrace().is_none());
    // A tracer that is set by the function itself stays.
    let own = Tracer::new(|_, _, _| Ok(()));
    assert_switches(|| {
        sleep(0)?;
        settrace(Some(own.clone()));
        failed(assert_switches(|| Ok(())));
        Ok(())
    })?;
    assert!(gettrace().is_some_and(|set| Rc::ptr_eq(&set, &own)));
    settrace(None);
    Ok(())
}

#[test]
fn test_the_longest_time_without_a_switch_counts() -> TestResult {
    let _bounded = bounded();
    // The longest time may be anywhere: before the first switch, between two, after the last.
    let asserts = AssertSwitches::new().max_blocking_time(0.01);
    failed(asserts.with(|| block(30).and_then(|()| sleep(0))));
    failed(asserts.with(|| sleep(0).and_then(|()| block(30)).and_then(|()| sleep(0))));
    failed(asserts.with(|| sleep(0).and_then(|()| block(30))));
    // And in any greenlet.
    let other = spawn(|| block(30));
    failed(asserts.with(|| other.join()));
    Ok(())
}

#[test]
fn test_the_hub_has_nobody_to_let_run() -> TestResult {
    let done = Rc::new(Cell::new(false));
    let its = done.clone();
    get_hub()
        .loop_()
        .run_callback(move || its.set(assert_switches(|| Ok(true)).is_ok_and(|done| done)))?;
    sleep(0)?;
    sleep(0)?;
    assert!(done.get());
    Ok(())
}
