//! A wait for an event that is set takes its turn behind earlier waiters, in the same iteration.

use gevent::event::Event;
use gevent::{Exception, get_hub, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let event = Event::new();
    let check = get_hub().loop_().check()?;
    let waiter = |name: &'static str| {
        let event = event.clone();
        move || {
            event.wait()?;
            println!("{name}");
            Ok::<_, Exception>(())
        }
    };

    spawn(waiter("first"));
    spawn(waiter("second"));
    sleep(0)?;
    check.start(|| println!("check"))?;
    event.set();
    spawn(waiter("spawned after the set"));
    waiter("main")()?;
    check.stop()?;
    waiter("main again, at once")()?;
    sleep(0)?;
    Ok(())
}
