//! A set event wakes all its waiters in order, even if it is cleared before they run; later ones wait.

use gevent::event::Event;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let event = Event::new();
    let waiter = |name: String, timeout: Option<f64>| {
        let event = event.clone();
        spawn(move || {
            let got = event.wait_timeout(timeout)?;
            println!("{name}: {got}, event set: {}", event.is_set());
            Ok(())
        })
    };

    let mut all: Vec<_> = (0..3).map(|i| waiter(format!("waiter {i}"), None)).collect();
    sleep(0)?;
    event.set();
    event.clear();
    all.push(waiter("late".to_owned(), Some(0.01)));
    println!("linked: {}", event.linkcount());
    joinall(&all)?;
    println!("linked: {}", event.linkcount());
    Ok(())
}
