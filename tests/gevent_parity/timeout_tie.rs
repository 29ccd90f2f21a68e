//! A greenlet ends in the iteration in which the time is over: it is ready, but its waiter was not woken in time.

use gevent::hub::core::Loop;
use gevent::{Exception, Greenlet, Timeout, get_hub, joinall_timeout, sleep, spawn, wait_timeout};

use super::common::TestResult;

/// A greenlet whose sleep will be over together with a timeout of 0.001 s that is started now.
fn due() -> Result<Greenlet<()>, Exception> {
    let g = spawn(|| sleep(0.001));
    sleep(0)?;
    let loop_ = get_hub().loop_().clone();
    let busy = loop_.clone();
    loop_.run_callback(move || be_busy(&busy))?;
    Ok(g)
}

fn be_busy(loop_: &Loop) -> TestResult {
    let busy_until = loop_.now()? + 0.02;
    while loop_.now()? < busy_until {
        loop_.update_now()?;
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let g = due()?;
    let ended = wait_timeout([&g], 0.001)?.len();
    println!("wait: {ended}, ready: {}", g.ready());
    let g = due()?;
    let ended = joinall_timeout([&g], 0.001)?.len();
    println!("joinall: {ended}, ready: {}", g.ready());
    let g = due()?;
    g.join_timeout(0.001)?;
    println!("join: ready: {}", g.ready());
    let g = due()?;
    Timeout::new(0.001).silent(|| {
        g.join()?;
        println!("never printed");
        Ok(())
    })?;
    println!("timeout: ready: {}", g.ready());
    Ok(())
}
