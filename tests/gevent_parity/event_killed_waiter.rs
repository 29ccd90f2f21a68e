//! A waiter that is killed, before the event is set or after, leaves no link, and the others are woken.

use gevent::event::Event;
use gevent::{GreenletExit, Kill, joinall, sleep, spawn};

use super::common::{TestResult, name};

pub(crate) fn main() -> TestResult {
    let event = Event::new();
    let waiter = |who: i32| {
        let event = event.clone();
        move || match event.wait() {
            Err(error) if error.is::<GreenletExit>() => println!("{who}: {}", name(&error)),
            _ => println!("{who}: woken"),
        }
    };

    let soon = || Kill::default().nonblocking();
    let greenlets: Vec<_> = (0..4).map(|i| spawn(waiter(i))).collect();
    sleep(0)?;
    greenlets[1].kill()?;
    println!("linked: {}", event.linkcount());
    greenlets[0].kill_with(soon())?;
    event.set();
    greenlets[3].kill_with(soon())?;
    joinall(&greenlets)?;
    println!("linked: {}", event.linkcount());
    Ok(())
}
