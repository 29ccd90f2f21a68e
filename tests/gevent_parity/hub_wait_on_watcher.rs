//! wait_on_watcher allows one waiter at a time, with a time limit.

use gevent::exceptions::ConcurrentObjectUseError;
use gevent::hub::core::Timer;
use gevent::hub::{TimedOut, wait_on_watcher};
use gevent::{get_hub, joinall, spawn};

use super::common::{TestResult, name};

fn waits(label: &str, watcher: &Timer, timeout: Option<f64>) -> TestResult {
    match wait_on_watcher(watcher, timeout) {
        Ok(()) => println!("{label}: fired"),
        Err(error) if error.is::<TimedOut>() => println!("{label}: timed out"),
        Err(error) if error.is::<ConcurrentObjectUseError>() => {
            println!("{label}: {}", name(&error));
        }
        Err(other) => return Err(other),
    }
    println!("{label}: active={}", watcher.active());
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();

    let timer = loop_.timer(0.05)?;
    let greenlets = ["a", "b"].map(|label| {
        let timer = timer.clone();
        spawn(move || waits(label, &timer, None))
    });
    joinall(greenlets)?;
    waits("c", &loop_.timer(100.0)?, Some(0.001))?;
    waits("d", &loop_.timer(0.001)?, Some(100.0))?;
    waits("e", &loop_.timer(100.0)?, Some(0.0))
}
