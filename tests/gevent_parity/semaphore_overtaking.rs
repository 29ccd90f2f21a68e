//! A greenlet that comes while the counter is not 0 takes a permit before the waiters, which stay in line.

use gevent::lock::Semaphore;
use gevent::{sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let semaphore = Semaphore::new(0);
    let waiter = |name: String| {
        let semaphore = semaphore.clone();
        move || {
            semaphore.acquire()?;
            println!("{name} acquired");
            Ok(())
        }
    };

    for i in 0..3 {
        spawn(waiter(format!("waiter {i}")));
    }
    sleep(0)?;
    println!("release: {}", semaphore.release());
    println!("main acquires: {}", semaphore.try_acquire());
    sleep(0)?;
    println!("linked: {}", semaphore.linkcount());
    semaphore.release();
    println!("release: {}", semaphore.release());
    spawn(waiter("late".to_owned()));
    semaphore.acquire()?;
    println!("main acquired again");
    sleep(0)?;
    semaphore.release();
    semaphore.release();
    println!("release: {}", semaphore.release());
    sleep(0)?;
    sleep(0)?;
    println!("counter: {}, linked: {}", semaphore.counter(), semaphore.linkcount());
    Ok(())
}
