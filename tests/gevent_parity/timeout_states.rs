//! The times at which a timeout is pending; it can be cancelled and started again any number of times.

use gevent::exceptions::TimeoutStartedError;
use gevent::{Timeout, sleep};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let timeout = Timeout::new(0.01);
    println!("made: {}", timeout.pending());
    timeout.cancel();
    timeout.start()?;
    println!("started: {}", timeout.pending());
    match timeout.start() {
        Err(error) if error.is::<TimeoutStartedError>() => println!("started already"),
        started => started?,
    }
    timeout.cancel();
    println!("cancelled: {}", timeout.pending());
    sleep(0.02)?;
    timeout.start()?;
    if let Err(error) = sleep(100) {
        println!("came: {}, {}", timeout.caused(&error), timeout.pending());
    }
    timeout.start()?;
    if let Err(error) = sleep(100) {
        println!("came again: {}", timeout.caused(&error));
    }
    timeout.close();
    timeout.close();
    println!("closed: {}", timeout.pending());
    Ok(())
}
