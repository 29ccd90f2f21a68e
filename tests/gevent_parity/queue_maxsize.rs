//! Greenlets that wait for space put in the order in which they came; the limits None and 0.

use gevent::queue::Queue;
use gevent::{sleep, spawn};

use super::common::{TestResult, show};

fn putter(name: char, queue: &Queue<String>) -> TestResult {
    for i in 0..2 {
        queue.put(format!("{name}{i}"))?;
        println!("{name} has put {i}, size {}", queue.qsize());
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let queue = Queue::with_maxsize(2);

    for name in "abc".chars() {
        let queue = queue.clone();
        spawn(move || putter(name, &queue));
    }
    sleep(0)?;
    println!("full {}, maxsize {}", queue.full(), show(queue.maxsize()));
    for _ in 0..6 {
        println!("got {}", queue.get()?);
        sleep(0)?;
    }
    println!("empty {}", queue.empty());

    for size in [None, Some(0), Some(1)] {
        let queue = Queue::with_maxsize(size);
        queue.put(1)?;
        println!(
            "{}: maxsize {}, full {}",
            show(size),
            show(queue.maxsize()),
            queue.full()
        );
    }
    Ok(())
}
