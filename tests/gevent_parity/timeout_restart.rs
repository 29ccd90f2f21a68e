//! cancel and start: a timeout that was cancelled, or has come, may be started again.

use gevent::exceptions::TimeoutStartedError;
use gevent::{Timeout, TimeoutError, sleep};

use super::common::TestResult;

fn wait(timeout: &Timeout, seconds: f64) -> TestResult {
    match sleep(seconds) {
        Ok(()) => println!("slept"),
        Err(error) if error.is::<TimeoutError>() => {
            let whose = if timeout.caused(&error) { "own" } else { "other" };
            println!("{whose} {}", timeout.pending());
        }
        Err(other) => return Err(other),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let timeout = Timeout::new(0.09);
    println!("{}", timeout.pending());
    timeout.start()?;
    match timeout.start() {
        Err(error) if error.is::<TimeoutStartedError>() => {
            println!("started twice {}", timeout.pending());
        }
        other => return other,
    }
    wait(&timeout, 0.03)?;
    timeout.cancel();
    println!("cancelled {}", timeout.pending());
    timeout.cancel();
    timeout.start()?;
    wait(&timeout, 0.03)?;
    println!("still {}", timeout.pending());
    wait(&timeout, 10.0)?;
    timeout.start()?;
    println!("again {}", timeout.pending());
    wait(&timeout, 10.0)?;
    timeout.close();
    timeout.close();
    println!("closed {}", timeout.pending());
    Ok(())
}
