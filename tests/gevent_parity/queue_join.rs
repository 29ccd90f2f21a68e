//! Tasks, and greenlets that wait until all tasks are done.

use gevent::queue::Queue;
use gevent::{sleep, spawn};

use super::common::TestResult;

fn joiner(name: &'static str, queue: &Queue<&'static str>) {
    let queue = queue.clone();
    spawn(move || {
        println!("{name}: {}", queue.join()?);
        Ok(())
    });
}

fn worker(queue: &Queue<&'static str>) -> TestResult {
    loop {
        let task = queue.get()?;
        sleep(0)?;
        println!("{task} is done, unfinished {}", queue.unfinished_tasks() - 1);
        queue.task_done()?;
    }
}

pub(crate) fn main() -> TestResult {
    let queue = Queue::with_items(None, ["a", "b"]);

    println!("nothing done: {}", queue.join_timeout(0)?);
    joiner("first", &queue);
    let its = queue.clone();
    spawn(move || worker(&its));
    sleep(0)?;
    queue.put("c")?;
    joiner("second", &queue);
    println!("all: {}", queue.join()?);
    queue.put("d")?;
    sleep(0)?;
    for _ in 0..2 {
        if let Err(e) = queue.task_done() {
            println!("{e}");
        }
    }
    println!("again: {}", queue.join()?);
    Ok(())
}
