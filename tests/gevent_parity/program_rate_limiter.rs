//! A token bucket: a greenlet fills it, the others wait for a token; whoever waits too long gives up.

use std::cell::Cell;
use std::rc::Rc;

use gevent::lock::BoundedSemaphore;
use gevent::{Exception, joinall, sleep, spawn};

use super::common::{TestResult, show};

struct Limiter {
    tokens: BoundedSemaphore,
    refused: Cell<usize>,
}

impl Limiter {
    fn new(burst: usize) -> Self {
        let tokens = BoundedSemaphore::new(burst);
        Limiter {
            tokens,
            refused: Cell::new(0),
        }
    }

    fn refill(&self) {
        if self.tokens.release().is_err() {
            println!("the bucket is full");
        }
    }

    fn call<T>(&self, function: impl FnOnce() -> T, timeout: Option<f64>) -> Result<Option<T>, Exception> {
        if !self.tokens.acquire_timeout(timeout)? {
            self.refused.set(self.refused.get() + 1);
            return Ok(None);
        }
        Ok(Some(function()))
    }
}

fn request(n: i32) -> i32 {
    println!("request {n}");
    n
}

pub(crate) fn main() -> TestResult {
    let limiter = Rc::new(Limiter::new(2));
    limiter.refill();
    let jobs: Vec<_> = (0..5)
        .map(|n| {
            let limiter = limiter.clone();
            spawn(move || limiter.call(|| request(n), None))
        })
        .collect();
    sleep(0)?;
    println!("{} had a token", jobs.iter().filter(|job| job.ready()).count());
    let (now, soon) = (
        limiter.call(|| request(5), Some(0.0))?,
        limiter.call(|| request(6), Some(0.001))?,
    );
    println!("now: {}, soon: {}", show(now), show(soon));
    for _ in 0..3 {
        limiter.refill();
        sleep(0)?;
    }
    joinall(&jobs)?;
    let values: Vec<_> = jobs.iter().filter_map(|job| job.value().flatten()).collect();
    println!("{values:?}, refused: {}", limiter.refused.get());
    Ok(())
}
