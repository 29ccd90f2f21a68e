//! What assert_switches wants, with and without a time.

use std::thread;
use std::time::Duration;

use gevent::util::{AssertSwitches, FailedToSwitch};
use gevent::{sleep, spawn};

use super::common::{TestResult, ValueError, name};

fn block(seconds: f64) -> TestResult {
    thread::sleep(Duration::from_secs_f64(seconds));
    Ok(())
}

fn check(what: &str, function: impl FnOnce() -> TestResult, asserts: AssertSwitches) -> TestResult {
    match asserts.with(function) {
        Ok(()) => println!("{what}: fine"),
        Err(error) if error.is::<FailedToSwitch>() => {
            let text = error.to_string();
            println!("{what}: {}", text.split(" in ").next().unwrap_or_default());
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

fn fail() -> TestResult {
    Err(ValueError("mine").into())
}

fn always() -> AssertSwitches {
    AssertSwitches::new()
}

fn within(seconds: f64) -> AssertSwitches {
    AssertSwitches::new().max_blocking_time(seconds)
}

pub(crate) fn main() -> TestResult {
    check("nothing", || Ok(()), always())?;
    check("a sleep of 0", || sleep(0), always())?;
    check("a sleep of the thread", || block(0.001), always())?;
    check("a join", || spawn(|| ()).join(), always())?;
    check("nothing for a minute", || Ok(()), within(60.0))?;
    check("0 is no time", || Ok(()), within(0.0))?;
    check("too long", || block(0.05), within(0.001))?;
    check(
        "too long before a switch",
        || block(0.05).and_then(|()| sleep(0)),
        within(0.001),
    )?;
    check(
        "too long in another greenlet",
        || spawn(|| block(0.05)).join(),
        within(0.001),
    )?;
    check("the hub, without a time", || Ok(()), always().hub_only())?;
    check("the hub, never", || Ok(()), within(60.0).hub_only())?;
    check("the hub", || sleep(0), within(60.0).hub_only())?;
    check(
        "the hub, long ago",
        || sleep(0).and_then(|()| block(0.05)),
        within(0.001).hub_only(),
    )?;
    if let Err(error) = check("an error", fail, always()) {
        println!("{}: {error}", name(&error));
    }
    Ok(())
}
