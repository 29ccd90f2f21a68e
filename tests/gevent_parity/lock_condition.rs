//! threading's Condition on gevent's locks: the notified waiters, and the order in which they go on.

use gevent::lock::Condition;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let condition = Condition::new();
    let waiter = |name: i32| {
        let condition = condition.clone();
        move || {
            let _held = condition.acquire_guard()?;
            println!("{name} waits");
            let notified = condition.wait()?;
            println!("{name}: {notified}");
            sleep(0)?;
            println!("{name} is done");
            Ok(())
        }
    };

    let greenlets: Vec<_> = (0..4).map(|i| spawn(waiter(i))).collect();
    sleep(0)?;
    if condition.notify(1).is_err() {
        println!("not without the lock");
    }
    {
        let _held = condition.acquire_guard()?;
        condition.notify(2)?;
        sleep(0)?;
        println!("main lets go");
    }
    joinall(&greenlets[..2])?;
    {
        let _held = condition.acquire_guard()?;
        println!("in no time: {}", condition.wait_timeout(0.001)?);
        condition.notify_all()?;
    }
    joinall(&greenlets)?;
    let _held = condition.acquire_guard()?;
    println!("wait_for: {}", condition.wait_for_timeout(|| false, 0.001)?);
    Ok(())
}
