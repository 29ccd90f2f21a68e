//! The counterpart of gevent's test__api, written anew; its test_killing_dormant is in
//! greenlet_kill.rs.

use std::cell::Cell;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use crate::support::{LONG, TestResult, bounded};
use gevent::exceptions::InvalidSwitchError;
use gevent::hub::wait_read;
use gevent::{Exception, Greenlet, Timeout, Value, get_hub, sleep, spawn, spawn_later, with_timeout};

#[test]
fn test_nested_with_timeout() {
    let _bounded = bounded();
    let outer = Timeout::start_new(0.001);
    let error = with_timeout(LONG, || sleep(LONG).map(|()| 1), 2).unwrap_err();
    assert!(outer.caused(&error), "{error:?}");
}

/// Switches to the greenlet from the hub, which is an error of the caller; the greenlet's wait fails.
fn invalid_switch(g: &Greenlet<()>) -> TestResult {
    let raw = g.raw().clone();
    get_hub()
        .loop_()
        .run_callback(move || raw.switch(Value::None).map(drop))?;
    Ok(())
}

fn is_invalid_switch(error: &Exception) -> bool {
    error.is::<InvalidSwitchError>() && error.to_string().contains("Invalid switch")
}

#[test]
fn test_sleep_invalid_switch() -> TestResult {
    let _bounded = bounded();
    crate::support::Reports::new();
    let p = spawn(|| sleep(LONG));
    sleep(0)?;
    invalid_switch(&p)?;
    let error = p.get().unwrap_err();
    assert!(is_invalid_switch(&error), "{error:?}");
    Ok(())
}

fn wait_read_invalid_switch(seconds: Option<f64>) -> TestResult {
    let _bounded = bounded();
    crate::support::Reports::new();
    let (sock1, _sock2) = UnixStream::pair()?;
    let fd = sock1.as_raw_fd();
    let p = spawn(move || wait_read(fd, None));
    invalid_switch(&p)?;
    if let Some(seconds) = seconds {
        sleep(seconds)?;
    }
    let error = p.get().unwrap_err();
    assert!(is_invalid_switch(&error), "{error:?}");
    Ok(())
}

#[test]
fn test_invalid_switch_none() -> TestResult {
    wait_read_invalid_switch(None)
}

#[test]
fn test_invalid_switch_0() -> TestResult {
    wait_read_invalid_switch(Some(0.0))
}

#[test]
fn test_invalid_switch_1() -> TestResult {
    wait_read_invalid_switch(Some(0.001))
}

/// gevent's TestTimers.
mod timers {
    use super::*;

    #[test]
    fn test_timer_fired() -> TestResult {
        let _bounded = bounded();
        let fired = Rc::new(Cell::new(false));
        let seen = fired.clone();
        let func = spawn(move || {
            let fire = seen.clone();
            let timer = spawn_later(0.001, move || fire.set(true));
            sleep(0.002)?;
            // Of two timers the earlier one fires first, however late both are.
            Ok((seen.get(), timer.started()))
        });
        assert!(!fired.get() && !func.ready());
        sleep(0)?;
        assert!(!func.ready());
        assert_eq!(func.get()?, (true, false));
        Ok(())
    }

    #[test]
    fn test_spawn_is_not_cancelled() -> TestResult {
        let _bounded = bounded();
        let popped = Rc::new(Cell::new(false));
        let pop = popped.clone();
        spawn(move || {
            // The greenlet ends at once, but the one that it has spawned runs.
            spawn(move || pop.set(true));
        });
        sleep(0.001)?;
        assert!(popped.get());
        Ok(())
    }
}
