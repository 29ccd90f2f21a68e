//! A getter that is killed leaves its Waiter free for the next.

use gevent::{Timeout, get_hub, sleep, spawn};
use waiter::Waiter;

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let waiter = Waiter::new(hub.as_wait_hub());
    let w = waiter.clone();
    let g = spawn(move || w.get());
    sleep(0)?;
    g.kill()?;
    println!("ready={}", waiter.ready());
    let w = waiter.clone();
    hub.loop_().run_callback(move || Ok(w.switch("value")?))?;
    println!("{}", waiter.get()?);
    let timeout = Timeout::start_new(0.001);
    if let Err(error) = waiter.get() {
        println!("timeout: {}", timeout.caused(&error));
    }
    waiter.switch("late")?;
    println!("{}", waiter.get()?);
    Ok(())
}
