//! A timeout without ref does not keep the loop running; one of a higher priority comes before events.

use gevent::exceptions::LoopExit;
use gevent::{Timeout, TimeoutError, get_hub};
use waiter::Waiter;

use super::common::{TestResult, name};

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let timeout = Timeout::new(100).with_ref(false);
    timeout.start()?;
    let joined = hub.join()?;
    println!("hub.join: {joined}, pending: {}", timeout.pending());
    match Waiter::<()>::new(hub.as_wait_hub()).get() {
        Err(error) if error.is::<LoopExit>() => println!("{}", name(&error)),
        got => got?,
    }
    timeout.close();

    for priority in [-2, 2] {
        let waiter = Waiter::new(hub.as_wait_hub());
        let timer = hub.loop_().timer(0.0)?;
        let w = waiter.clone();
        timer.start(move || Ok(w.switch("in time")?))?;
        let timeout = Timeout::new(0).with_priority(priority);
        timeout.start()?;
        match waiter.get() {
            Ok(value) => println!("{priority}: {value}"),
            Err(error) if error.is::<TimeoutError>() => println!("{priority}: timed out"),
            Err(other) => return Err(other),
        }
        timeout.close();
        timer.stop()?;
    }
    Ok(())
}
