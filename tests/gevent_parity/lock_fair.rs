//! A lock that two greenlets acquire and release by turns is also acquired by the third.

use gevent::lock::Semaphore;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let lock = Semaphore::default();
    let worker = |name: &'static str, rounds: i32| {
        let lock = lock.clone();
        spawn(move || {
            for i in 0..rounds {
                lock.acquire()?;
                println!("{name}, round {i}");
                sleep(0)?;
                lock.release();
                sleep(0)?;
            }
            Ok(())
        })
    };

    joinall([worker("a", 3), worker("b", 3), worker("c", 1)])?;
    println!("counter: {}", lock.counter());
    Ok(())
}
