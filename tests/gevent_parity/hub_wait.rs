//! hub.wait parks until the watcher fires, and stops it however the wait ends.

use gevent::hub::core::Timer;
use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

fn waits(watcher: &Timer) -> TestResult {
    let waited = get_hub().wait(watcher);
    if waited.is_ok() {
        println!("fired");
    }
    println!("active={}", watcher.active());
    waited
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();

    let timer = loop_.timer(0.001)?;
    waits(&timer)?;
    waits(&loop_.timer(0.0)?)?;
    let slow = loop_.timer(100.0)?;
    let watcher = slow.clone();
    let g = spawn(move || waits(&watcher));
    sleep(0)?;
    println!("waits, active={}", slow.active());
    g.kill()?;
    let repeating = loop_.timer_repeat(0.001, 0.001)?;
    waits(&repeating)?;
    waits(&repeating)
}
