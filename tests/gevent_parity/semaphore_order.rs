//! Permits go to the waiters in the order in which they came, in one round.

use gevent::lock::Semaphore;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let semaphore = Semaphore::new(2);
    let worker = |name: String| {
        let semaphore = semaphore.clone();
        move || {
            semaphore.acquire()?;
            println!("{name} acquired, counter {}", semaphore.counter());
            sleep(0)?;
            println!("{name} releases");
            semaphore.release();
            Ok(())
        }
    };

    let greenlets: Vec<_> = (0..6).map(|i| spawn(worker(format!("worker {i}")))).collect();
    sleep(0)?;
    println!("linked: {}", semaphore.linkcount());
    joinall(&greenlets)?;
    println!("counter: {}, linked: {}", semaphore.counter(), semaphore.linkcount());
    Ok(())
}
