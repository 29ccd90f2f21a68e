//! Events in the same iteration as the timeout are in time, even if the timeout was started first.

use gevent::{Timeout, TimeoutError, get_hub};
use waiter::Waiter;

use super::common::TestResult;

fn waits(start_first: bool) -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let waiter = Waiter::new(hub.as_wait_hub());
    let timer = loop_.timer(0.001)?;
    let timeout = Timeout::new(0.001);
    if start_first {
        timeout.start()?;
    }
    let w = waiter.clone();
    timer.start(move || Ok(w.switch("in time")?))?;
    if !start_first {
        timeout.start()?;
    }
    // Both timers are due when the loop next looks.
    let busy_until = loop_.now()? + 0.01;
    while loop_.now()? < busy_until {
        loop_.update_now()?;
    }
    match waiter.get() {
        Ok(value) => println!("{value}"),
        Err(error) if error.is::<TimeoutError>() => println!("timed out"),
        Err(other) => return Err(other),
    }
    println!("pending: {}", timeout.pending());
    timeout.close();
    Ok(())
}

pub(crate) fn main() -> TestResult {
    waits(true)?;
    waits(false)
}
