//! with Timeout(..), and with_timeout without a value, raise; the timeout is closed either way.

use gevent::{Exception, Timeout, TimeoutError, sleep, with_timeout};

use super::common::{TestResult, ValueError};

/// Returns `yes` if the error comes from this timeout, and `no` if not.
fn whose<'a>(timeout: &Timeout, error: &Exception, yes: &'a str, no: &'a str) -> &'a str {
    if timeout.caused(error) { yes } else { no }
}

pub(crate) fn main() -> TestResult {
    let timeout = Timeout::new(0.001);
    match timeout.with(|| sleep(10)) {
        Ok(()) => println!("not reached"),
        Err(error) if error.is::<TimeoutError>() => {
            println!("{} {}", whose(&timeout, &error, "own", "other"), timeout.pending());
        }
        Err(other) => return Err(other),
    }

    let timeout = Timeout::new(100);
    timeout.with(|| {
        sleep(0)?;
        println!("inside {}", timeout.pending());
        Ok(())
    })?;
    println!("after {}", timeout.pending());

    let timeout = Timeout::new(100);
    match timeout.with(|| Err::<(), _>(ValueError("of the function").into())) {
        Err(error) if error.is::<ValueError>() => println!("{error} {}", timeout.pending()),
        other => return other,
    }

    match Timeout::new(0.001).with(|| sleep(10)) {
        Err(error) if error.is::<TimeoutError>() => println!("with_timeout: {error}"),
        other => return other,
    }

    let outer = Timeout::new(0.001);
    let result = outer.with(|| {
        let value = with_timeout(10, || sleep(20).map(|()| "slept"), "inner")?;
        println!("{value}");
        Ok(())
    });
    match result {
        Err(error) if error.is::<TimeoutError>() => {
            println!("{}", whose(&outer, &error, "outer", "inner"));
        }
        other => return other,
    }

    let started = Timeout::start_new(0.001);
    match started.with(|| sleep(10)) {
        Err(error) if error.is::<TimeoutError>() => {
            println!("started before: {}", whose(&started, &error, "own", "other"));
        }
        other => return other,
    }
    Ok(())
}
