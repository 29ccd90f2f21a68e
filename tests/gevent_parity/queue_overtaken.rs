//! Another greenlet takes the item before the woken waiter has run; the waiter goes on waiting.

use gevent::queue::Queue;
use gevent::{sleep, spawn};

use super::common::TestResult;

fn getter(name: &str, queue: &Queue<&'static str>) -> TestResult {
    println!("{name} waits");
    println!("{name} got {}", queue.get()?);
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let queue = Queue::new();

    let its = queue.clone();
    spawn(move || getter("a", &its));
    sleep(0)?;
    queue.put("first")?;
    println!("main got {}", queue.get()?);
    let its = queue.clone();
    spawn(move || getter("b", &its));
    sleep(0)?;
    queue.put("second")?;
    sleep(0)?;
    queue.put("third")?;
    sleep(0)
}
