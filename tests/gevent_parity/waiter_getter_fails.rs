//! The error of a raw greenlet that a Waiter woke goes to the hub; whoever woke it goes on.

use gevent::{get_hub, sleep, spawn_raw};
use waiter::Waiter;

use super::common::{Outcome, ValueError, report_errors};

fn getter(waiter: &Waiter<&str>) -> Outcome {
    println!("gets {}", waiter.get()?);
    Err(ValueError("getter").into())
}

fn switch(waiter: &Waiter<&'static str>) -> Outcome {
    waiter.switch("value")?;
    println!("after the switch");
    Ok(())
}

pub(crate) fn main() -> Outcome {
    report_errors();
    let hub = get_hub();
    let waiter = Waiter::new(hub.as_wait_hub());
    let w = waiter.clone();
    spawn_raw(move || getter(&w))?;
    sleep(0)?;
    hub.loop_().run_callback(move || switch(&waiter))?;
    sleep(0)
}
