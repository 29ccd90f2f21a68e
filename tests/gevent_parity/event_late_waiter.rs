//! A greenlet that comes after a clear, but before the earlier waiters are woken, is woken with them.

use gevent::event::Event;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let event = Event::new();
    let waiter = |name: &'static str| {
        let event = event.clone();
        move || {
            println!("{name} waits");
            println!("{name}: {}", event.wait_timeout(0.01)?);
            Ok(())
        }
    };

    let first = spawn(waiter("first"));
    sleep(0)?;
    let before = spawn(waiter("starts before the waking"));
    event.set();
    event.clear();
    let after = spawn(waiter("starts after the waking"));
    joinall([first, before, after])?;
    Ok(())
}
