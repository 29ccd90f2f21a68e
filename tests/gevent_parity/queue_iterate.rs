//! Iterating until StopIteration, which is None here.

use gevent::queue::{Channel, Queue};
use gevent::{Exception, joinall, spawn};

use super::common::TestResult;

fn consumer(name: char, items: impl Iterator<Item = Result<i32, Exception>>) -> TestResult {
    for item in items {
        println!("{name} got {}", item?);
    }
    println!("{name} ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let queue = Queue::new();
    let gs = ['a', 'b'].map(|name| {
        let queue = queue.clone();
        spawn(move || consumer(name, queue.until_none()))
    });
    for i in 0..3 {
        queue.put(Some(i))?;
    }
    queue.put(None)?;
    queue.put(None)?;
    joinall(&gs)?;

    let queue = Channel::new();
    let gs = ['a', 'b'].map(|name| {
        let queue = queue.clone();
        spawn(move || consumer(name, queue.until_none()))
    });
    for i in 0..3 {
        queue.put(Some(i))?;
    }
    queue.put(None)?;
    queue.put(None)?;
    joinall(&gs).map(drop)
}
