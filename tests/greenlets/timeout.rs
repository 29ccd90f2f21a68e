//! The counterpart of gevent's test__timeout, written anew.

use std::rc::Rc;
use std::time::{Duration, Instant};

use gevent::{Exception, Timeout, TimeoutError, sleep, spawn, with_timeout};

type TestResult = Result<(), Exception>;

#[test]
fn test_timeout_interrupts_the_greenlet_that_started_it() -> TestResult {
    let timeout = Timeout::start_new(0.001);
    let error = sleep(100).unwrap_err();
    assert!(timeout.caused(&error) && error.is::<TimeoutError>());
    assert!(!timeout.pending());
    assert_eq!(error.to_string(), "0.001 seconds");
    Ok(())
}

#[test]
fn test_closed_and_dropped_timeouts_do_not_come() -> TestResult {
    let timeout = Timeout::start_new(0.001);
    assert!(timeout.pending());
    timeout.close();
    assert!(!timeout.pending());
    drop(Timeout::start_new(0.001));
    sleep(0.005)
}

#[test]
fn test_nested_timeouts_are_told_apart() -> TestResult {
    let outer = Timeout::start_new(0.002);
    let inner = Timeout::start_new(100);
    let error = sleep(100).unwrap_err();
    assert!(outer.caused(&error) && !inner.caused(&error));
    Ok(())
}

#[test]
fn test_none_never_comes() -> TestResult {
    let timeout = Timeout::start_new(None);
    assert!(!timeout.pending());
    sleep(0.001)
}

#[test]
fn test_a_restarted_timeout_has_its_whole_time_again() -> TestResult {
    let begin = Instant::now();
    let timeout = Timeout::new(Duration::from_millis(30));
    timeout.start()?;
    sleep(0.02)?;
    timeout.close();
    timeout.start()?;
    let error = sleep(100).unwrap_err();
    assert!(timeout.caused(&error));
    // A timeout never comes early, which is guaranteed on any machine.
    assert!(begin.elapsed() >= Duration::from_millis(50));
    Ok(())
}

#[test]
fn test_with_timeout() -> TestResult {
    assert_eq!(with_timeout(0.001, || sleep(100).map(|()| 1), 2)?, 2);
    assert_eq!(with_timeout(100, || Ok(1), 2)?, 1);
    Ok(())
}

#[test]
fn test_timeout_for_a_greenlet_that_ended_hurts_nobody() -> TestResult {
    let g = spawn(|| Rc::new(Timeout::start_new(0.001)));
    let timeout = g.get()?;
    sleep(0.005)?;
    // Timeouts come last of the events in the same iteration.
    sleep(0)?;
    assert!(!timeout.pending());
    Ok(())
}

#[test]
fn test_not_a_number_is_refused() {
    assert!(Timeout::new(f64::NAN).start().is_err());
    assert!(sleep(f64::NAN).is_err());
}

/// A timeout needs no `mut`, and may be shared.
#[test]
fn test_another_greenlet_may_cancel_a_timeout() -> TestResult {
    let timeout = Rc::new(Timeout::start_new(100));
    let shared = timeout.clone();
    spawn(move || shared.cancel()).join()?;
    assert!(!timeout.pending());
    timeout.start()?;
    assert!(timeout.pending());
    timeout.close();
    assert!(!timeout.pending());
    Ok(())
}
