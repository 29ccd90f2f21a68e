//! assert_switches inside another one, and in several greenlets at a time.

use gevent::greenlet_core::gettrace;
use gevent::util::assert_switches;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

fn check(what: &str, function: impl FnOnce() -> TestResult) -> TestResult {
    match assert_switches(function) {
        Ok(()) => println!("{what}: fine"),
        Err(_) => println!("{what}: no switch"),
    }
    Ok(())
}

fn inner_switches() -> TestResult {
    check("inner, with a switch", || sleep(0))
}

fn inner_does_not() -> TestResult {
    check("inner, without one", || Ok(()))
}

fn inner_after() -> TestResult {
    sleep(0)?;
    check("inner, after one", || Ok(()))
}

pub(crate) fn main() -> TestResult {
    check("outer, with one in the inner", inner_switches)?;
    check("outer, without one", inner_does_not)?;
    check("outer, with one before the inner", inner_after)?;
    println!("traced: {}", gettrace().is_some());

    let first = spawn(|| check("first", || sleep(0).and_then(|()| sleep(0))));
    let second = spawn(|| check("second", || Ok(())));
    joinall([&first, &second])?;
    Ok(())
}
