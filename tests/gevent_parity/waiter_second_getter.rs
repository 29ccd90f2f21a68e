//! Only one greenlet may wait in a Waiter; the first is not disturbed by the second.

use gevent::exceptions::ConcurrentObjectUseError;
use gevent::{get_hub, joinall, sleep, spawn};
use waiter::Waiter;

use super::common::{TestResult, name};

fn getter(waiter: &Waiter<&str>, label: &str) -> TestResult {
    match waiter.get() {
        Ok(value) => println!("{label} gets {value}"),
        Err(error) if error.is::<ConcurrentObjectUseError>() => {
            println!("{label}: {}", name(&error));
        }
        Err(other) => return Err(other),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let waiter = Waiter::new(hub.as_wait_hub());
    let greenlets = ["a", "b", "c"].map(|label| {
        let waiter = waiter.clone();
        spawn(move || getter(&waiter, label))
    });
    sleep(0)?;
    hub.loop_().run_callback(move || Ok(waiter.switch("value")?))?;
    joinall(greenlets)?;
    Ok(())
}
