//! Links of a semaphore are called as long as it can be acquired.

use gevent::lock::Semaphore;
use gevent::{get_hub, sleep};

use super::common::TestResult;

fn says(name: &'static str) -> impl Fn(&Semaphore) {
    move |source| println!("{name}, counter {}", source.counter())
}

fn takes(source: &Semaphore) -> TestResult {
    source.acquire()?;
    println!("takes, counter {}", source.counter());
    Ok(())
}

pub(crate) fn main() -> TestResult {
    get_hub(); // without one, links are called at once
    let semaphore = Semaphore::new(1);

    semaphore.rawlink(says("linked while it is free"));
    println!("not yet");
    sleep(0)?;
    semaphore.acquire()?;
    semaphore.rawlink(says("first"));
    semaphore.rawlink(takes);
    semaphore.rawlink(says("third"));
    sleep(0)?;
    println!("released");
    semaphore.release();
    sleep(0)?;
    println!("linked: {}", semaphore.linkcount());
    semaphore.release();
    sleep(0)?;
    println!("linked: {}", semaphore.linkcount());
    Ok(())
}
