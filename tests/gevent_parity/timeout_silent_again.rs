//! A silent timeout is used round one step after another, with outer timeouts and errors among them.

use gevent::{Timeout, TimeoutError, sleep};

use super::common::{KeyError, TestResult, name};

fn silent(timeout: &Timeout, function: impl FnOnce() -> TestResult) -> TestResult {
    timeout.silent(|| {
        function()?;
        println!("in time");
        Ok(())
    })?;
    println!("went on, pending: {}", timeout.pending());
    Ok(())
}

fn fails() -> TestResult {
    Err(KeyError("key").into())
}

pub(crate) fn main() -> TestResult {
    for seconds in [0.001, 100.0] {
        let timeout = Timeout::new(seconds);
        silent(&timeout, || sleep(if seconds < 1.0 { 0.01 } else { 0.0 }))?;
    }
    match silent(&Timeout::new(100), fails) {
        Err(error) if error.is::<KeyError>() => println!("{}", name(&error)),
        other => other?,
    }
    let outer = Timeout::start_new(0.001);
    match silent(&Timeout::new(100), || sleep(100)) {
        Err(error) if error.is::<TimeoutError>() => println!("the outer's: {}", outer.caused(&error)),
        other => other?,
    }
    let inner = Timeout::new(0.001);
    let outer = Timeout::new(100);
    outer.with(|| {
        silent(&inner, || sleep(100))?;
        println!("the outer runs: {}", outer.pending());
        Ok(())
    })?;
    // It has no effect when it was started before, and its time is over before it is used.
    let early = Timeout::new(0.001);
    early.start()?;
    match sleep(100) {
        Err(error) if error.is::<TimeoutError>() => {
            println!("outside of with it is thrown: {}", early.caused(&error));
        }
        slept => slept?,
    }
    Ok(())
}
