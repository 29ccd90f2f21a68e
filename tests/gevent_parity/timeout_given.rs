//! A timeout that exists is given to start_new and with_timeout, which start it unless it is running.

use std::collections::HashSet;

use gevent::{Exception, Timeout, TimeoutError, sleep, with_timeout};

use super::common::{TestResult, ValueError, name};

fn sleeper(seconds: f64) -> Result<&'static str, Exception> {
    sleep(seconds)?;
    Ok("slept")
}

#[allow(clippy::mutable_key_type, reason = "the hash is that of the timeout's number")]
pub(crate) fn main() -> TestResult {
    // start_new returns the timeout that it is given, started.
    let timeout = Timeout::new(0.001);
    let same = Timeout::start_new(&timeout) == &timeout;
    println!("the same: {same}, pending: {}", timeout.pending());
    match sleep(100) {
        Err(error) if error.is::<TimeoutError>() => {
            let own = timeout.caused(&error);
            println!("{error}, its own: {own}, pending: {}", timeout.pending());
        }
        slept => slept?,
    }
    let timeout = Timeout::new(0.001);
    timeout.start()?;
    Timeout::start_new(&timeout);
    println!("a running one is not started again");
    timeout.cancel();

    // with_timeout uses it up and cancels it; it can be used again.
    let timeout = Timeout::new(0.001);
    for _ in 0..2 {
        let value = with_timeout(&timeout, || sleeper(100.0), "timed out")?;
        println!("{value} {}", timeout.pending());
    }
    let value = with_timeout(&timeout, || sleeper(0.0), "timed out")?;
    println!("{value} {}", timeout.pending());

    // One that runs already goes on, and is cancelled, too.
    let running = Timeout::start_new(0.001);
    let value = with_timeout(&running, || sleeper(100.0), "timed out")?;
    println!("{value} {}", running.pending());
    let running = Timeout::start_new(100);
    let value = with_timeout(&running, || sleeper(0.0), "timed out")?;
    println!("{value} {}", running.pending());

    // The exception of a timeout that throws another one is not replaced by the value.
    let late = Exception::new(ValueError("late"));
    let throws_late = Timeout::new(0.001).with_exception(late.clone());
    match with_timeout(throws_late, || sleeper(100.0), "timed out") {
        Err(error) if error.is::<ValueError>() => {
            println!("{} {error}, the same: {}", name(&error), error.same(&late));
        }
        other => println!("{}", other?),
    }
    let with_text = Timeout::new(0.001).with_message("with a text");
    println!("{}", with_timeout(with_text, || sleeper(100.0), "timed out")?);
    let never = Timeout::new(None).with_exception(late);
    println!("{}", with_timeout(never, || sleeper(0.0), "timed out")?);

    // Timeouts are equal if they are the same.
    let known = HashSet::from([&timeout, &running]);
    let itself = &timeout;
    let (same, other) = (timeout == *itself, timeout == Timeout::new(0.001));
    println!("{same} {other} {}", known.contains(&running));
    Ok(())
}
