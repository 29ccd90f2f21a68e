//! cancel_waits_close_and_then ends all waits, then calls back; without waits it does so at once.

use gevent::hub::core::{Timer, Watcher};
use gevent::{get_hub, joinall, sleep, spawn};

use super::common::{TestResult, ValueError, name};

fn waits(label: &str, watcher: &Timer) -> TestResult {
    match get_hub().wait(watcher) {
        Err(error) if error.is::<ValueError>() => println!("{label}: {}", name(&error)),
        waited => waited?,
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let watcher = |timer: &Timer| Watcher::clone(timer);

    let timer = hub.loop_().timer(100.0)?;
    hub.cancel_waits_close_and_then([watcher(&timer)], ValueError(""), || {
        println!("then, at once");
    })?;
    println!("nobody waited");

    let mut timers = Vec::new();
    let mut greenlets = Vec::new();
    for label in ["a", "b", "c"] {
        let timer = hub.loop_().timer(100.0)?;
        timers.push(watcher(&timer));
        greenlets.push(spawn(move || waits(label, &timer)));
    }
    sleep(0)?;
    hub.cancel_waits_close_and_then(timers, ValueError(""), || {
        println!("then, after them");
    })?;
    println!("cancelled");
    joinall(greenlets)?;
    Ok(())
}
