//! The counterpart of gevent's test__timeout and test__api_timeout, written anew.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{ExpectedError, LONG, TestResult, bounded, fail};
use gevent::exceptions::TimeoutStartedError;
use gevent::hub::wait_read;
use gevent::{
    Exception, Timeout, TimeoutError, get_hub, iwait_timeout, joinall_timeout, sleep, spawn, spawn_later, with_timeout,
};

/// A time that is over soon.
const SHORT: f64 = 0.001;

/// Waits until a timeout throws.
fn wait_for_ever() -> TestResult {
    get_hub().switch().map(drop)
}

/// gevent's test__timeout.
mod timeout {
    use super::*;

    /// gevent's TestDirectRaise: a timeout may be raised without having been started.
    #[test]
    fn test_direct_raise_class() {
        let raised: Exception = TimeoutError::default().into();
        assert!(raised.is::<TimeoutError>() && raised.to_string() == "timed out");
        assert!(!Timeout::new(SHORT).caused(&raised));
    }

    #[test]
    fn test_direct_raise_instance() {
        for timeout in [Timeout::new(None), Timeout::new(SHORT)] {
            let raised = timeout.exception();
            assert!(raised.is::<TimeoutError>());
            assert!(timeout.caused(&raised) && !timeout.pending());
            assert!(!Timeout::new(SHORT).caused(&raised));
        }
        let error = Exception::new(ExpectedError("its own"));
        let own = Timeout::new(SHORT).with_exception(error.clone());
        assert!(own.exception().same(&error) && own.threw(&error) && !own.caused(&error));
    }

    fn check_expires(timeout: Timeout) -> Result<Exception, Exception> {
        let _bounded = bounded();
        timeout.start()?;
        let error = wait_for_ever().unwrap_err();
        assert!(timeout.threw(&error) && !timeout.pending());
        // The timeout is started once more.
        timeout.start()?;
        let error = wait_for_ever().unwrap_err();
        assert!(timeout.threw(&error));
        timeout.close();
        Ok(error)
    }

    #[test]
    fn test_expires() -> TestResult {
        let error = check_expires(Timeout::new(SHORT))?;
        assert!(error.is::<TimeoutError>());
        Ok(())
    }

    #[test]
    fn test_expires_str() -> TestResult {
        let error = check_expires(Timeout::new(SHORT).with_message("XXX"))?;
        assert!(error.is::<TimeoutError>());
        assert_eq!(error.to_string(), "0.001 seconds: XXX");
        Ok(())
    }

    /// The counterpart of gevent's test_expires_non_exception, with errors instead of objects and classes that are
    /// none.
    #[test]
    fn test_expires_exception() -> TestResult {
        let timeout = Timeout::new(SHORT).with_exception(Exception::msg("XXX"));
        assert!(format!("{timeout:?}").contains("XXX"));
        assert_eq!(check_expires(timeout)?.to_string(), "XXX");
        Ok(())
    }

    #[test]
    fn test_context_manager() {
        let _bounded = bounded();
        let timeout = Timeout::new(SHORT);
        let error = timeout.with(wait_for_ever).unwrap_err();
        assert!(timeout.caused(&error) && !timeout.pending());
        assert_eq!(error.to_string(), "0.001 seconds");
    }

    #[test]
    fn test_context_manager_str() {
        let _bounded = bounded();
        let timeout = Timeout::new(SHORT).with_message("XXX");
        let error = timeout.with(wait_for_ever).unwrap_err();
        assert!(timeout.caused(&error) && error.to_string().ends_with("XXX"));
    }

    #[test]
    fn test_context_manager_false() -> TestResult {
        let _bounded = bounded();
        assert_eq!(Timeout::new(SHORT).silent(wait_for_ever)?, None);
        let custom = Timeout::new(SHORT).with_exception(ExpectedError("custom"));
        assert_eq!(custom.silent(wait_for_ever)?, None);
        // A silent timeout hides only its own exception.
        let error = Timeout::new(LONG).silent(|| fail::<()>("another"));
        assert!(error.unwrap_err().is::<ExpectedError>());
        Ok(())
    }

    #[test]
    fn test_cancel() -> TestResult {
        let _bounded = bounded();
        let timeout = Timeout::start_new(SHORT);
        timeout.cancel();
        sleep(2.0 * SHORT)?;
        assert!(!timeout.pending());
        timeout.close();
        Ok(())
    }

    #[test]
    fn test_with_timeout() -> TestResult {
        let _bounded = bounded();
        let timeout = Timeout::new(SHORT);
        let error = timeout.with(|| sleep(LONG)).unwrap_err();
        assert!(timeout.caused(&error));
        let long = || sleep(LONG).map(|()| "slept");
        assert_eq!(with_timeout(SHORT, long, "X")?, "X");
        let short = || sleep(SHORT).map(|()| "slept");
        assert_eq!(with_timeout(LONG, short, "X")?, "slept");
        Ok(())
    }
}

/// gevent's test__api_timeout.
mod test_api_timeout {
    use super::*;

    /// gevent's test_timeout_calls_update_now and test_sleep_calls_update_now: time that has passed since the loop last
    /// looked at the clock does not count as part of the wait.
    fn is_counted_from_now(wait: impl FnOnce(f64) -> TestResult) -> TestResult {
        let _bounded = bounded();
        get_hub().loop_().update_now()?;
        let blocked = Duration::from_millis(30);
        thread::sleep(blocked);
        let begin = Instant::now();
        wait(0.02)?;
        assert!(begin.elapsed() >= Duration::from_millis(20));
        Ok(())
    }

    #[test]
    fn test_timeout_calls_update_now() -> TestResult {
        is_counted_from_now(|seconds| {
            let timeout = Timeout::start_new(seconds);
            assert!(timeout.pending());
            assert!(timeout.caused(&wait_for_ever().unwrap_err()));
            Ok(())
        })
    }

    #[test]
    fn test_sleep_calls_update_now() -> TestResult {
        is_counted_from_now(|seconds| sleep(seconds))
    }

    /// The same holds for every other wait with a time limit, also for those in which gevent trusts the loop's clock.
    #[test]
    fn every_time_limit_is_counted_from_now() -> TestResult {
        let never = spawn(|| sleep(LONG));
        is_counted_from_now(|seconds| never.join_timeout(seconds))?;
        is_counted_from_now(|seconds| never.get_timeout(seconds).or(Ok(())))?;
        is_counted_from_now(|seconds| joinall_timeout([&never], seconds).map(drop))?;
        is_counted_from_now(|seconds| {
            let mut ready = iwait_timeout([&never], seconds)?;
            assert!(ready.next().is_none());
            Ok(())
        })?;
        is_counted_from_now(|seconds| get_hub().join_timeout(seconds).map(drop))?;
        is_counted_from_now(|seconds| spawn_later(seconds, || ()).get())?;
        let (socket, _other) = UnixStream::pair()?;
        is_counted_from_now(|seconds| {
            assert!(wait_read(socket.as_raw_fd(), seconds).is_err());
            Ok(())
        })?;
        never.kill()
    }

    #[test]
    fn test_api() -> TestResult {
        let _bounded = bounded();
        // The timeout does not throw if the block ends before.
        let t = Timeout::new(LONG);
        assert!(!t.pending());
        t.start()?;
        assert!(t.pending());
        sleep(SHORT)?;
        t.close();
        assert!(!t.pending());

        // It throws if the block does not end before.
        let t = Timeout::start_new(SHORT);
        assert!(t.caused(&sleep(LONG).unwrap_err()));
        drop(t);

        // The timeout may throw an exception of the user's.
        let too_long = std::io::Error::other("Operation takes way too long");
        let error = with_exception(too_long.into());
        assert!(error.is::<std::io::Error>(), "{error:?}");

        // A block may cancel its timeout.
        let timer = Timeout::start_new(SHORT);
        timer.cancel();
        sleep(2.0 * SHORT)?;

        // A silent timeout ends the block without an error.
        let begin = Instant::now();
        let ended = Timeout::new(SHORT).silent(|| sleep(LONG))?;
        assert_eq!(ended, None);
        assert!(begin.elapsed() < Duration::from_secs_f64(LONG / 2.0));

        // A timeout of None never throws.
        let timeout = Timeout::start_new(None);
        sleep(SHORT)?;
        assert!(!timeout.pending());
        Ok(())
    }

    /// The error of a sleep under a timeout with this exception.
    fn with_exception(exception: Exception) -> Exception {
        let timeout = Timeout::new(SHORT).with_exception(exception);
        timeout.start().expect("it is new");
        let error = sleep(LONG).unwrap_err();
        assert!(timeout.threw(&error) && !timeout.caused(&error));
        error
    }

    #[test]
    fn test_ref() -> TestResult {
        #[derive(Debug, thiserror::Error)]
        #[error("{0:?}")]
        struct Error(Arc<()>);
        let _bounded = bounded();
        let referred = Arc::new(());
        let timeout = Timeout::new(LONG).with_exception(Error(referred.clone()));
        timeout.start()?;
        sleep(SHORT)?;
        drop(timeout);
        assert_eq!(Arc::strong_count(&referred), 1);
        drop(with_exception(Error(referred.clone()).into()));
        // The hub is parked in the timer's callback, and drops it when it runs again.
        sleep(0)?;
        assert_eq!(Arc::strong_count(&referred), 1);
        Ok(())
    }

    #[test]
    fn test_nested_timeout() -> TestResult {
        let _bounded = bounded();
        let ended = Timeout::new(SHORT).silent(|| {
            Timeout::new(LONG).silent(|| sleep(LONG))?;
            panic!("the outer timeout ends both");
        })?;
        assert_eq!(ended, None::<()>);

        let t1 = Timeout::start_new(SHORT);
        let t2 = Timeout::start_new(LONG);
        assert!(t1.caused(&sleep(LONG).unwrap_err()));
        assert!(!t1.pending() && t2.pending());
        drop((t1, t2));

        let t1 = Timeout::start_new(LONG);
        let t2 = Timeout::start_new(SHORT);
        assert!(t2.caused(&sleep(LONG).unwrap_err()));
        assert!(t1.pending() && !t2.pending());
        Ok(())
    }
}

#[test]
fn test_a_timeout_that_runs_cannot_be_started_again() -> TestResult {
    let _bounded = bounded();
    let timeout = Timeout::start_new(LONG);
    let error = timeout.start().unwrap_err();
    assert!(error.is::<TimeoutStartedError>(), "{error:?}");
    assert!(timeout.pending());
    timeout.cancel();
    timeout.start()
}

/// A timeout throws into the greenlet that has started it, and can be closed in any greenlet.
#[test]
fn test_a_timeout_closed_by_another_greenlet_does_not_come() -> TestResult {
    let _bounded = bounded();
    let timeout = Timeout::start_new(SHORT);
    let closed = spawn(move || drop(timeout));
    sleep(3.0 * SHORT)?;
    assert!(closed.successful());
    Ok(())
}

#[test]
fn test_a_thousand_timeouts_leave_nothing() -> TestResult {
    let _bounded = bounded();
    let (loop_, guest) = (get_hub().loop_().clone(), Rc::new(()));
    sleep(0)?;
    let before = loop_.activecnt()?;
    for _ in 0..1000 {
        let held = guest.clone();
        let ended = Timeout::new(LONG).silent(move || {
            let _held = held;
            sleep(0)
        })?;
        assert_eq!(ended, Some(()));
    }
    assert_eq!(loop_.activecnt()?, before);
    assert_eq!(Rc::strong_count(&guest), 1);
    Ok(())
}

#[test]
fn test_repr() {
    assert_eq!(format!("{:?}", Timeout::new(3)), "<Timeout seconds=3>");
    assert_eq!(
        format!("{:?}", Timeout::new(3).with_message("late")),
        "<Timeout seconds=3 exception=\"late\">"
    );
    let timeout = Timeout::new(3).with_exception(Exception::msg("late"));
    assert!(format!("{timeout:?}").starts_with("<Timeout seconds=3 exception="));
    timeout.start().expect("it is not started");
    assert!(format!("{timeout:?}").ends_with(" pending>"));
}
