//! Only the hub may wake a greenlet in a Waiter's get: elsewhere it is an error.

use gevent::exceptions::NotInHubError;
use gevent::{get_hub, sleep, spawn};
use waiter::Waiter;

use super::common::{TestResult, ValueError};

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let waiter = Waiter::new(hub.as_wait_hub());
    let w = waiter.clone();
    let g = spawn(move || {
        println!("gets {}", w.get()?);
        Ok(())
    });
    sleep(0)?;
    let attempts = [waiter.switch("from main"), waiter.throw(ValueError("from main"))];
    for attempt in attempts {
        if let Err(NotInHubError { .. }) = attempt {
            println!("refused");
        }
    }
    let w = waiter.clone();
    hub.loop_().run_callback(move || Ok(w.switch("from the hub")?))?;
    g.join()?;
    waiter.switch("nobody waits, so main may")?;
    println!("{}", waiter.get()?);
    Ok(())
}
