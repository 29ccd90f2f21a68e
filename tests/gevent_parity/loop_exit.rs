//! No greenlet is left that could wake another: LoopExit in main. The hub can be used again afterwards.

use gevent::exceptions::LoopExit;
use gevent::{Exception, get_hub, joinall, sleep, spawn};
use waiter::Waiter;

use super::common::{TestResult, name};

fn blocks_for_ever<T>(what: &str, function: impl FnOnce() -> Result<T, Exception>) -> TestResult {
    match function() {
        Err(error) if error.is::<LoopExit>() => println!("{what}: {}", name(&error)),
        other => drop(other?),
    }
    Ok(())
}

fn parks() -> TestResult {
    let got = Waiter::new(get_hub().as_wait_hub()).get();
    println!("the parked greenlet ends");
    got
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let parked = spawn(parks);
    let waiter = Waiter::<()>::new(hub.as_wait_hub());
    blocks_for_ever("hub.switch", || hub.switch())?;
    blocks_for_ever("join", || parked.join())?;
    blocks_for_ever("get", || parked.get())?;
    blocks_for_ever("joinall", || joinall([&parked]))?;
    blocks_for_ever("Waiter.get", || waiter.get())?;
    println!("has links: {}", parked.has_links());
    sleep(0.001)?;
    println!("{}", spawn(|| "the hub goes on").get()?);
    parked.kill()
}
