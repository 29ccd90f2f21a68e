//! A queue of greenlets, and a counter, are given to threads.
//!
//! Cure: to share with threads: `gevent::threadsafe`, `Arc`

use std::cell::Cell;
use std::rc::Rc;

use gevent::queue::Queue;
use gevent::threadpool::ThreadPool;

fn main() {
    let pool = ThreadPool::new(2);
    let queue = Queue::<i32>::new();
    pool.spawn(move || queue.put(1)).unwrap();
    let counter = Rc::new(Cell::new(0));
    pool.spawn(move || counter.set(1)).unwrap();
}
