//! Callbacks run in batches of 50: if the switch interval is over, timers run between two batches.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use gevent::hub::core::setswitchinterval;
use gevent::{get_hub, sleep};
use waiter::Waiter;

use super::common::TestResult;

fn callback(count: &Cell<usize>) {
    count.set(count.get() + 1);
    if count.get().is_multiple_of(50) {
        thread::sleep(Duration::from_millis(1));
    }
}

fn tick(count: &Cell<usize>) {
    println!("timer after {}", count.get());
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    setswitchinterval(0.0001)?;
    let count = Rc::new(Cell::new(0));

    for _ in 0..120 {
        let count = count.clone();
        loop_.run_callback(move || callback(&count))?;
    }
    let timer = loop_.timer_repeat(0.0001, 0.0001)?;
    let c = count.clone();
    timer.start(move || tick(&c))?;
    loop_.run_callback(|| println!("the last callback"))?;
    loop_.run_callback(move || Ok(timer.stop()?))?;
    let waiter = Waiter::new(hub.as_wait_hub());
    let w = waiter.clone();
    loop_.run_callback(move || Ok(w.switch(())?))?;
    waiter.get()?;
    println!("{} callbacks", count.get());
    sleep(0.001)?;

    setswitchinterval(100.0)?;
    count.set(0);
    let timer = loop_.timer(0.0)?;
    let c = count.clone();
    timer.start(move || tick(&c))?;
    for _ in 0..120 {
        let count = count.clone();
        loop_.run_callback(move || callback(&count))?;
    }
    sleep(0.01)
}
