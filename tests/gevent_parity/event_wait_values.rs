//! wait returns whether the event was set, before or during the wait.

use gevent::event::Event;
use gevent::spawn;

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let event = Event::new();
    println!("clear, no time: {}", event.wait_timeout(0)?);
    println!("clear, a short time: {}", event.wait_timeout(0.001)?);
    let e = event.clone();
    spawn(move || e.set());
    println!("set meanwhile: {}", event.wait_timeout(100)?);
    println!("set: {} {}", event.wait_timeout(0)?, event.wait()?);
    event.clear();

    let e = event.clone();
    let flash = move || {
        e.set();
        e.clear();
    };
    spawn(flash);
    println!(
        "set and cleared meanwhile: {}, ready: {}",
        event.wait_timeout(100)?,
        event.ready()
    );
    println!("linked: {}", event.linkcount());
    Ok(())
}
