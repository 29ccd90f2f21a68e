//! The error of a raw greenlet that a Waiter has woken goes to the hub; the waking code goes on.

use gevent::{get_hub, sleep, spawn_raw};
use waiter::Waiter;

use super::common::{TestResult, ValueError, report_errors};

fn getter(waiter: &Waiter<&str>) -> TestResult {
    println!("gets {}", waiter.get()?);
    Err(ValueError("getter").into())
}

fn switch(waiter: &Waiter<&'static str>) -> TestResult {
    waiter.switch("value")?;
    println!("after the switch");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let hub = get_hub();
    let waiter = Waiter::new(hub.as_wait_hub());
    let w = waiter.clone();
    spawn_raw(move || getter(&w))?;
    sleep(0)?;
    hub.loop_().run_callback(move || switch(&waiter))?;
    sleep(0)
}
