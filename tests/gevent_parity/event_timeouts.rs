//! The time limit of a wait makes it return; another timeout is raised.

use gevent::event::Event;
use gevent::{Timeout, joinall, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let event = Event::new();
    {
        let _timeout = Timeout::start_new(100);
        println!("own: {}", event.wait_timeout(0.001)?);
    }
    let outer = Timeout::new(0.001);
    outer.start()?;
    if let Err(timeout) = event.wait_timeout(100) {
        println!("outer: {}", outer.caused(&timeout));
    }
    outer.close();

    let waits = |timeout: f64| {
        let event = event.clone();
        move || {
            let waited = Timeout::new(0.03).silent(|| {
                println!("waited for {timeout}: {}", event.wait_timeout(timeout)?);
                Ok(())
            })?;
            if waited.is_none() {
                println!("silent instead of {timeout}");
            }
            Ok(())
        }
    };
    let greenlets: Vec<_> = [0.0, 100.0, 0.001].map(|timeout| spawn(waits(timeout))).into();
    joinall(&greenlets)?;
    println!("linked: {}", event.linkcount());
    Ok(())
}
