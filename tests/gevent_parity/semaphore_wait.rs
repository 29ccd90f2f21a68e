//! wait acquires nothing: it returns the counter, which is 0 if another greenlet was quicker.

use gevent::lock::Semaphore;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let semaphore = Semaphore::new(0);
    let waits = |name: &'static str| {
        let semaphore = semaphore.clone();
        spawn(move || {
            println!("{name}: {}", semaphore.wait()?);
            Ok(())
        })
    };
    let acquires = |name: &'static str| {
        let semaphore = semaphore.clone();
        spawn(move || {
            semaphore.acquire()?;
            println!("{name} acquired");
            Ok(())
        })
    };

    let greenlets = [
        waits("first wait"),
        acquires("first"),
        waits("second wait"),
        acquires("second"),
    ];
    sleep(0)?;
    println!("in no time: {}", semaphore.wait_timeout(0.001)?);
    semaphore.release();
    sleep(0)?;
    println!("linked: {}", semaphore.linkcount());
    semaphore.release();
    semaphore.release();
    println!("main: {}", semaphore.wait()?);
    joinall(&greenlets)?;
    println!("main: {}", semaphore.wait()?);
    Ok(())
}
