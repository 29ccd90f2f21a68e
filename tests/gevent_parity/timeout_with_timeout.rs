//! with_timeout returns the function's value, raises its error, or returns the given value.

use gevent::{Exception, Timeout, TimeoutError, sleep, with_timeout};

use super::common::{TestResult, ValueError};

fn sleeper(seconds: f64) -> Result<&'static str, Exception> {
    sleep(seconds)?;
    Ok("slept")
}

fn fails() -> Result<&'static str, Exception> {
    Err(ValueError("its own error").into())
}

pub(crate) fn main() -> TestResult {
    println!("{}", with_timeout(100, || sleeper(0.0), "timed out")?);
    println!("{}", with_timeout(0.001, || sleeper(100.0), "timed out")?);
    match with_timeout(100, fails, "timed out") {
        Err(error) if error.is::<ValueError>() => println!("{error}"),
        other => drop(other?),
    }
    let outer = Timeout::start_new(0.001);
    match with_timeout(100, || sleeper(100.0), "timed out") {
        Err(error) if error.is::<TimeoutError>() => {
            println!("the outer's: {}", outer.caused(&error));
        }
        other => drop(other?),
    }
    let inner = || with_timeout(100, || sleeper(100.0), "inner");
    println!("{}", with_timeout(0.001, inner, "outer")?);
    Ok(())
}
