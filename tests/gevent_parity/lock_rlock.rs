//! An RLock belongs to its owner, which may acquire it again, until it was released as often.

use gevent::lock::RLock;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

/// The part of the message without the name of an object.
fn first(error: impl std::error::Error) -> String {
    error.to_string().split('.').next().unwrap_or_default().to_owned()
}

pub(crate) fn main() -> TestResult {
    let lock = RLock::new();
    let l = lock.clone();
    let tries = move |name: &'static str| {
        let (tried, in_time) = (l.try_acquire(), l.acquire_timeout(0.001)?);
        println!("{name} tries: {tried}, in time: {in_time}");
        if let Err(error) = l.release() {
            println!("{name}: {}", first(error));
        }
        Ok(())
    };

    if let Err(error) = lock.release() {
        println!("{}", first(error));
    }
    {
        let _held = lock.acquire_guard()?;
        println!("acquired: {}, locked: {}", lock.acquire_timeout(None)?, lock.locked());
        lock.release()?;
        spawn(move || tries("other")).join()?;
    }
    println!("locked: {}", lock.locked());

    let worker = |name: i32| {
        let lock = lock.clone();
        move || {
            let _outer = lock.acquire_guard()?;
            let _inner = lock.acquire_guard()?;
            println!("{name} in");
            sleep(0)?;
            println!("{name} out");
            Ok(())
        }
    };
    let greenlets: Vec<_> = (0..3).map(|i| spawn(worker(i))).collect();
    joinall(&greenlets)?;
    println!("locked: {}", lock.locked());
    Ok(())
}
