//! One function is used with every kind of lock.

use gevent::exceptions::{NotOwnedError, OverReleaseError};
use gevent::lock::{BoundedSemaphore, DummySemaphore, Lock, RLock, Semaphore};
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

fn worker(lock: &impl Lock, label: &str) -> TestResult {
    {
        let _held = lock.acquire_guard()?;
        println!("{label} has it");
        sleep(0)?;
    }
    println!("{label} has released it");
    Ok(())
}

fn using<L: Lock + Clone + 'static>(name: &str, lock: L) -> TestResult {
    println!("{name}: {} {}", lock.acquire()?, lock.locked());
    let its = lock.clone();
    let other = spawn(move || {
        let (at_once, in_time) = (its.try_acquire(), its.acquire_timeout(0.001)?);
        Ok((at_once, in_time))
    });
    let (at_once, in_time) = other.get()?;
    println!("{at_once} {in_time}");
    lock.release()?;
    println!("locked: {}", lock.locked());
    let workers = ["a", "b"].map(|label| {
        let lock = lock.clone();
        spawn(move || worker(&lock, label))
    });
    joinall(workers)?;
    match lock.release() {
        Ok(()) => println!("released once more"),
        Err(error) if error.is::<NotOwnedError>() => println!("not held"),
        Err(error) if error.is::<OverReleaseError>() => println!("{error}"),
        Err(other) => return Err(other),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    using("Semaphore", Semaphore::new(1))?;
    using("BoundedSemaphore", BoundedSemaphore::new(1))?;
    using("RLock", RLock::new())?;
    using("DummySemaphore", DummySemaphore::new())
}
