//! Greenlets that wait for items get them in the order in which they came.

use gevent::queue::Queue;
use gevent::{sleep, spawn};

use super::common::TestResult;

fn getter(name: char, queue: &Queue<i32>) -> TestResult {
    for _ in 0..2 {
        println!("{name} got {}", queue.get()?);
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let queue = Queue::new();

    for name in "abc".chars() {
        let queue = queue.clone();
        spawn(move || getter(name, &queue));
    }
    sleep(0)?;
    for i in 0..3 {
        queue.put(i)?;
        println!("put {i}, size {}", queue.qsize());
    }
    sleep(0)?;
    for i in 3..6 {
        queue.put(i)?;
        sleep(0)?;
    }
    Ok(())
}
