//! cancel_wait may close the watcher: before the waiter is woken, or at once without a waiter.

use gevent::hub::core::Timer;
use gevent::{get_hub, sleep, spawn};

use super::common::{TestResult, ValueError, name};

fn waits(watcher: &Timer) -> TestResult {
    match get_hub().wait(watcher) {
        Ok(()) => println!("fired"),
        Err(error) if error.is::<ValueError>() => println!("{} {error}", name(&error)),
        Err(other) => return Err(other),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let idle = hub.loop_().timer(100.0)?;
    hub.cancel_wait(&idle, ValueError("nobody"), true)?;
    println!("{}", idle.active());

    let waited = hub.loop_().timer(100.0)?;
    let watcher = waited.clone();
    let g = spawn(move || waits(&watcher));
    sleep(0)?;
    hub.cancel_wait(&waited, ValueError("closed"), true)?;
    println!("active: {}", waited.active());
    g.join()?;
    println!("active: {}", waited.active());
    Ok(())
}
