//! One callback of the loop wakes all waiters, in line with the other callbacks.

use gevent::event::Event;
use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let (one, two) = (Event::new(), Event::new());
    let waiter = |event: &Event, name: String| {
        let event = event.clone();
        spawn(move || {
            event.wait()?;
            println!("{name}");
            Ok(())
        });
    };

    for i in 0..2 {
        waiter(&one, format!("waits for one, {i}"));
        waiter(&two, format!("waits for two, {i}"));
    }
    sleep(0)?;
    loop_.run_callback(|| println!("callback before"))?;
    two.set();
    spawn(|| println!("spawned between"));
    one.set();
    two.set();
    loop_.run_callback(|| println!("callback after"))?;
    sleep(0)?;
    println!("main");
    Ok(())
}
