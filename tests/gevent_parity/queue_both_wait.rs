//! Putters and getters that wait at the same time, in one burst.

use gevent::queue::Queue;
use gevent::{sleep, spawn};

use super::common::TestResult;

fn putter(name: &str, queue: &Queue<String>) -> TestResult {
    queue.put(name.to_owned())?;
    println!("{name} is put");
    Ok(())
}

fn getter(name: &str, queue: &Queue<String>) -> TestResult {
    println!("{name} got {}", queue.get()?);
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let queue = Queue::with_maxsize(1);
    let spawn_getter = |i| {
        let queue = queue.clone();
        spawn(move || getter(&format!("g{i}"), &queue));
    };

    for i in 0..3 {
        spawn_getter(i);
    }
    for i in 0..5 {
        let queue = queue.clone();
        spawn(move || putter(&format!("p{i}"), &queue));
    }
    for i in 3..5 {
        spawn_getter(i);
    }
    sleep(0)?;
    println!("after one turn {}", queue.qsize());
    sleep(0)?;
    println!("at last {}", queue.qsize());
    Ok(())
}
