//! Greenlets wait for a set event again, and clear and set it by turns.

use gevent::event::Event;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let event = Event::new();
    let waiter = |name: String, clears: bool| {
        let event = event.clone();
        move || {
            for i in 0..3 {
                event.wait()?;
                println!("{name}, round {i}");
                if clears {
                    event.clear();
                }
                sleep(0)?;
            }
            Ok(())
        }
    };

    let greenlets: Vec<_> = (0..3).map(|i| spawn(waiter(format!("waiter {i}"), i == 1))).collect();
    let mut turns = 0;
    for i in 0..20 {
        turns = i;
        sleep(0)?;
        if !event.is_set() {
            println!("set");
            event.set();
        }
        if greenlets.iter().all(|g| g.ready()) {
            break;
        }
    }
    joinall(&greenlets)?;
    println!("turns: {turns}");
    Ok(())
}
