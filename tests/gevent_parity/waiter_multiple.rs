//! A MultipleWaiter loses no value, and returns them in their order.

use gevent::get_hub;
use waiter::MultipleWaiter;

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let waiter = MultipleWaiter::new(hub.as_wait_hub());

    waiter.switch("one")?;
    waiter.switch("two")?;
    println!("{}", waiter.get()?);
    let w = waiter.clone();
    loop_.run_callback(move || Ok(w.switch("three")?))?;
    let w = waiter.clone();
    loop_.run_callback(move || Ok(w.switch("four")?))?;
    println!("{}", waiter.get()?);
    println!("{}", waiter.get()?);
    println!("{}", waiter.get()?);
    let timer = loop_.timer(0.001)?;
    let w = waiter.clone();
    timer.start(move || Ok(w.switch("five")?))?;
    println!("{}", waiter.get()?);
    Ok(())
}
