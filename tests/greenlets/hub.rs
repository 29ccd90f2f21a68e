//! The counterpart of gevent's test__hub, test__sleep0, test__loop_callback, test__nondefaultloop,
//! test__issue639 and the sleeps of test__order, written anew.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{
    ExpectedError, LONG, Log, Reports, TestResult, bounded, fail, outer_timeout_is_not_lost, returns_after_timeout,
};
use gevent::exceptions::InvalidSwitchError;
use gevent::hub::core::Loop;
use gevent::threadpool::HubExt;
use gevent::{Context, Exception, Timeout, get_hub, idle, sleep, spawn};
use waiter::Waiter;

/// gevent's TestExceptionInMainloop.
#[test]
fn test_sleep_after_an_error_in_the_mainloop() -> TestResult {
    let _bounded = bounded();
    let hub = get_hub();
    let reports = Reports::new();
    let timer = hub.loop_().timer(0.001)?;
    timer.start(|| fail::<()>("TestExceptionInMainloop.test_sleep/fail"))?;
    returns_after_timeout(|seconds| sleep(seconds))?;
    reports.one_with("TestExceptionInMainloop.test_sleep/fail");
    assert!(!timer.active());
    Ok(())
}

/// gevent's TestSleep.
mod sleeping {
    use super::*;

    #[test]
    fn test_returns_none_after_timeout() -> TestResult {
        let _bounded = bounded();
        returns_after_timeout(|seconds| sleep(seconds))
    }

    #[test]
    fn test_outer_timeout_is_not_lost() {
        let _bounded = bounded();
        outer_timeout_is_not_lost(|seconds| sleep(seconds));
    }

    #[test]
    fn test_simple() -> TestResult {
        let _bounded = bounded();
        let begun = get_hub().loop_().iteration()?;
        sleep(0)?;
        // The sleep went through the loop once.
        assert!(get_hub().loop_().iteration()? <= begun + 1);
        Ok(())
    }
}

/// gevent's TestWaiterGet.
mod waiter_get {
    use super::*;

    fn wait(seconds: f64) -> TestResult {
        let waiter = Waiter::new(get_hub().as_wait_hub());
        let timer = get_hub().loop_().timer(seconds)?;
        get_hub().loop_().update_now()?;
        let wakes = waiter.clone();
        timer.start(move || Ok(wakes.switch(())?))?;
        let got = waiter.get();
        timer.close()?;
        got
    }

    #[test]
    fn test_returns_none_after_timeout() -> TestResult {
        let _bounded = bounded();
        returns_after_timeout(wait)
    }

    #[test]
    fn test_outer_timeout_is_not_lost() {
        let _bounded = bounded();
        outer_timeout_is_not_lost(wait);
    }
}

/// gevent's TestHandleError: the hub's handler fails itself.
#[test]
fn test_exception_in_custom_handle_error_does_not_crash() -> TestResult {
    let _bounded = bounded();
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    get_hub().set_error_handler(Some(Rc::new(move |_: Context<'_>, _: Exception| {
        counted.set(counted.get() + 1);
        panic!("of the handler");
    })));
    let raises = spawn(|| fail::<()>("raised"));
    assert!(raises.get().unwrap_err().is::<ExpectedError>());
    // The handler's own error is one that no caller takes, and goes to the handler again, once.
    assert_eq!(calls.get(), 2);
    get_hub().set_error_handler(None);
    assert_eq!(spawn(|| 1).get()?, 1, "the hub goes on");
    Ok(())
}

/// gevent's test__sleep0: greenlets that only yield do not keep timers from firing.
#[test]
fn test_sleep0_does_not_starve_timers() -> TestResult {
    let _bounded = bounded();
    let over: Option<()> = Timeout::new(0.01).silent(|| {
        loop {
            sleep(0)?;
        }
    })?;
    assert_eq!(over, None);
    Ok(())
}

/// gevent's test__order.TestSleep0.
#[test]
fn test_sleep0_yields_to_those_that_could_run_already() -> TestResult {
    let _bounded = bounded();
    let log = Log::<String>::new();
    for name in [1, 2] {
        let log = log.clone();
        spawn(move || {
            log.add(format!("{name}A"));
            sleep(0)?;
            log.add(format!("{name}B"));
            Ok(())
        });
    }
    assert!(get_hub().join()?);
    assert_eq!(log.take(), ["1A", "2A", "1B", "2B"]);
    Ok(())
}

/// gevent's test__loop_callback: the hub's loop, run by hand.
#[test]
fn test_loop_callback() -> TestResult {
    let _bounded = bounded();
    let (hub, count) = (get_hub(), Rc::new(Cell::new(0)));
    let incr = count.clone();
    hub.loop_().run_callback(move || incr.set(incr.get() + 1))?;
    hub.loop_().run()?;
    assert_eq!(count.get(), 1);
    Ok(())
}

/// gevent's test__nondefaultloop.
#[test]
fn test_nondefaultloop() -> TestResult {
    let _bounded = bounded();
    let loop_ = Loop::new((), false)?;
    assert!(!loop_.default());
    let log = Log::<i32>::new();
    let added = log.clone();
    loop_.run_callback(move || added.add(1))?;
    loop_.run()?;
    assert_eq!(log.take(), [1]);
    Ok(())
}

/// gevent's TestDestroyedHubRepr in test__destroy: a hub can still be printed after it was used and destroyed.
#[test]
fn test_repr_after_destroy() -> TestResult {
    let _bounded = bounded();
    let hub = get_hub();
    hub.set_name("mine");
    assert_eq!(hub.threadpool().apply(|| 7)?, 7);
    assert!(!format!("{hub:?}").contains("destroyed"));
    hub.destroy(true)?;
    let shown = format!("{hub:?}");
    assert!(
        shown.starts_with("<Hub \"mine\" at 0x") && shown.ends_with("destroyed>"),
        "{shown}"
    );
    Ok(())
}

/// gevent's test__issue639.
#[test]
fn test_issue_639_idle() -> TestResult {
    let _bounded = bounded();
    sleep(0)?;
    let log = Log::<&str>::new();
    let busy = log.clone();
    let g = spawn(move || {
        for _ in 0..3 {
            busy.add("busy");
            sleep(0)?;
        }
        Ok(())
    });
    idle(0)?;
    log.add("idle");
    // The loop is idle only after the callbacks.
    assert_eq!(log.take(), ["busy", "busy", "busy", "idle"]);
    g.get()
}

#[test]
fn test_idle_with_a_priority_comes_before_idle_without() -> TestResult {
    let _bounded = bounded();
    let log = Log::<i32>::new();
    let waits = |priority: i32| {
        let log = log.clone();
        spawn(move || {
            idle(priority)?;
            log.add(priority);
            Ok(())
        })
    };
    let all = [-1, 0, 2, 1].map(waits);
    gevent::joinall(&all)?;
    assert_eq!(log.take(), [2, 1, 0, -1]);
    Ok(())
}

#[test]
fn test_negative_sleep_yields_as_zero_does() -> TestResult {
    let _bounded = bounded();
    let log = Log::<&str>::new();
    let other = log.clone();
    spawn(move || other.add("other"));
    sleep(-1)?;
    log.add("slept");
    assert_eq!(log.take(), ["other", "slept"]);
    Ok(())
}

/// The result of a wait, in a greenlet of its own, when the greenlet is switched to by hand.
fn woken_by_hand(wait: fn() -> TestResult) -> TestResult {
    let before = get_hub().loop_().activecnt()?;
    let outcome = Rc::new(RefCell::new(None));
    let kept = outcome.clone();
    let waits = gevent::RawGreenlet::builder()
        .parent(get_hub().greenlet())
        .build(move |_| {
            kept.replace(Some(wait()));
            Ok(gevent::Value::None)
        });
    get_hub().loop_().run_callback(move || {
        waits.switch(())?;
        waits.switch(gevent::Value::new("wrong")).map(drop)
    })?;
    sleep(0.001)?;
    assert_eq!(get_hub().loop_().activecnt()?, before);
    outcome.take().expect("it was woken")
}

#[test]
fn test_a_wait_checks_who_woke_it() {
    let _bounded = bounded();
    let waits: [fn() -> TestResult; 3] = [
        || sleep(LONG),
        || idle(0),
        || {
            let timer = get_hub().loop_().timer(LONG)?;
            get_hub().wait(&timer)
        },
    ];
    for wait in waits {
        let error = woken_by_hand(wait).unwrap_err();
        assert!(error.is::<InvalidSwitchError>(), "{error:?}");
        assert!(error.to_string().starts_with("Invalid switch into"));
    }
}

/// As in gevent, any switch ends a `sleep(0)`.
#[test]
fn test_sleep0_does_not_check_who_woke_it() -> TestResult {
    let _bounded = bounded();
    woken_by_hand(|| sleep(0))
}
