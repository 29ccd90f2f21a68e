//! cancel_wait throws, soon, into the greenlet that waits for a watcher, if it still waits then.

use gevent::hub::core::Timer;
use gevent::{Kill, get_hub, joinall, sleep, spawn};

use super::common::{TestResult, ValueError, name};

fn waits(label: &str, watcher: &Timer) -> TestResult {
    match get_hub().wait(watcher) {
        Ok(()) => println!("{label}: fired"),
        Err(error) if error.is::<ValueError>() => println!("{label}: {} {error}", name(&error)),
        Err(other) => return Err(other),
    }
    println!("{label}: active={}", watcher.active());
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();

    let nobodys = loop_.timer(100.0)?;
    hub.cancel_wait(&nobodys, ValueError("nobody gets it"), false)?;

    let (a, b) = (loop_.timer(100.0)?, loop_.timer(100.0)?);
    let greenlets = [("a", a.clone()), ("b", b.clone())].map(|(label, watcher)| spawn(move || waits(label, &watcher)));
    sleep(0)?;
    loop_.run_callback(|| println!("callback before"))?;
    hub.cancel_wait(&a, ValueError("cancelled"), false)?;
    loop_.run_callback(|| println!("callback after"))?;
    greenlets[1].kill_with(Kill::default().nonblocking())?;
    hub.cancel_wait(&b, ValueError("too late"), false)?;
    println!("cancelled");
    joinall(greenlets)?;
    Ok(())
}
