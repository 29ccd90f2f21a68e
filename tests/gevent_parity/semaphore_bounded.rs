//! A bounded semaphore refuses more releases than acquires; other semaphores count on.

use gevent::lock::{BoundedSemaphore, DummySemaphore, Semaphore};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let bounded = BoundedSemaphore::new(2);
    bounded.acquire()?;
    println!("release: {}", bounded.release()?);
    if let Err(error) = bounded.release() {
        println!("{error}");
    }
    let acquired = (bounded.acquire_timeout(None)?, bounded.acquire_timeout(None)?);
    println!("acquired: {} {} {}", acquired.0, acquired.1, bounded.try_acquire());
    println!(
        "in time: {}, locked: {}",
        bounded.acquire_timeout(0.001)?,
        bounded.locked()
    );

    let semaphore = Semaphore::new(0);
    semaphore.release();
    println!("release: {}", semaphore.release());
    {
        let _held = semaphore.acquire_guard()?;
        println!("held: {}", semaphore.counter());
    }
    println!("after: {}", semaphore.counter());

    let dummy = DummySemaphore::new();
    let acquired = (dummy.try_acquire(), dummy.try_acquire());
    println!(
        "dummy: {} {} {} {}",
        acquired.0,
        acquired.1,
        dummy.locked(),
        dummy.wait()?
    );
    Ok(())
}
