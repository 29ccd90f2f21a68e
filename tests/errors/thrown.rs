//! Throws into a greenlet that waits, with all kinds of exceptions that code could take for an ordinary error.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;

use crate::support::TestResult;
use gevent::{Exception, GreenletExit, Kill, Timeout, sleep, spawn};

/// Kinds of errors after which code tries again, or goes on with the next address, connection or item.
const RETRIED: [ErrorKind; 6] = [
    ErrorKind::Interrupted,
    ErrorKind::WouldBlock,
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionAborted,
    ErrorKind::TimedOut,
    ErrorKind::UnexpectedEof,
];

/// Exceptions with which a greenlet is killed: a `GreenletExit` and others.
pub(crate) fn kills() -> Vec<Exception> {
    let mut kills = vec![
        Exception::new(GreenletExit),
        Exception::new(GreenletExit::because("enough")),
    ];
    kills.extend(RETRIED.map(|kind| Exception::new(std::io::Error::from(kind))));
    kills
}

/// Ends `wait` by each of the [`kills`] and by timeouts. It must return that very exception.
pub(crate) fn each_ends(wait: impl Fn() -> TestResult + Clone + 'static) -> TestResult {
    for kill in kills() {
        ends_with(kill, wait.clone())?;
    }
    let timeout = Timeout::new(0.001);
    let error = timeout.with(&wait).expect_err("it is too long");
    assert!(timeout.caused(&error), "{error:?}");
    for kind in RETRIED {
        let exception = Exception::new(std::io::Error::from(kind));
        let timeout = Timeout::new(0.001).with_exception(exception.clone());
        let error = timeout.with(&wait).expect_err("it is too long");
        assert!(error.same(&exception), "{error:?}");
    }
    Ok(())
}

/// Ends `wait` by `exception`, in a greenlet that has begun to wait.
pub(crate) fn ends_with(exception: Exception, wait: impl FnOnce() -> TestResult + 'static) -> TestResult {
    let ended = Rc::new(RefCell::new(None));
    let its = ended.clone();
    let greenlet = spawn(move || {
        let got = wait();
        its.replace(Some(got));
    });
    for _ in 0..3 {
        sleep(0)?;
    }
    greenlet.kill_with(Kill::with(exception.clone()))?;
    let error = ended.take().expect("it has begun").expect_err("it is killed");
    assert!(error.same(&exception), "{exception:?} became {error:?}");
    Ok(())
}
