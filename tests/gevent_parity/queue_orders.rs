//! Last in first out, and smallest first, also with greenlets that wait.

use gevent::queue::{BaseJoinableQueue, LifoQueue, PriorityQueue, Storage};
use gevent::{sleep, spawn};

use super::common::TestResult;

fn scenario<S: Storage<Item = i32>>(queue: &BaseJoinableQueue<S>) -> TestResult {
    println!("peek {}, size {}", queue.peek()?, queue.qsize());
    for item in [1, 6] {
        let queue = queue.clone();
        spawn(move || {
            queue.put(item)?;
            println!("{item} is put");
            Ok(())
        });
    }
    sleep(0)?;
    println!("{} {} {}", queue.get()?, queue.get()?, queue.get()?);
    sleep(0)?;
    println!("then {} {}", queue.get()?, queue.get()?);

    for name in "ab".chars() {
        let queue = queue.clone();
        spawn(move || {
            println!("{name} got {}", queue.get()?);
            Ok(())
        });
    }
    sleep(0)?;
    queue.put(2)?;
    queue.put(1)?;
    sleep(0)
}

pub(crate) fn main() -> TestResult {
    scenario(&LifoQueue::with_items(2, [5, 3, 4]))?;
    scenario(&PriorityQueue::with_items(2, [5, 3, 4]))
}
