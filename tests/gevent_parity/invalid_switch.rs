//! A greenlet that is woken by a switch for which it does not wait gets InvalidSwitchError, and cleans up.

use gevent::exceptions::InvalidSwitchError;
use gevent::{Value, get_hub, sleep, spawn};

use super::common::{TestResult, name};

type Wait = Box<dyn FnOnce() -> TestResult>;

fn waits(what: &str, function: impl FnOnce() -> TestResult) -> TestResult {
    match function() {
        Ok(()) => println!("{what}: goes on"),
        Err(error) if error.is::<InvalidSwitchError>() => println!("{what}: {}", name(&error)),
        Err(other) => return Err(other),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let worker = spawn(|| sleep(100));
    let timer = hub.loop_().timer(100.0)?;
    let (joined, got, watcher) = (worker.clone(), worker.clone(), timer.clone());
    let h = hub.clone();
    let functions: [(&str, Wait); 4] = [
        ("join", Box::new(move || joined.join())),
        ("get", Box::new(move || got.get())),
        ("hub.wait", Box::new(move || h.wait(&watcher))),
        ("sleep", Box::new(|| sleep(100))),
    ];
    for (what, function) in functions {
        let g = spawn(move || waits(what, function));
        sleep(0)?;
        let raw = g.raw().clone();
        hub.loop_()
            .run_callback(move || raw.switch(Value::new("by somebody else")).map(drop))?;
        g.join()?;
    }
    let links = worker.has_links();
    println!("has links: {links}, active: {}", timer.active());
    worker.kill()
}
