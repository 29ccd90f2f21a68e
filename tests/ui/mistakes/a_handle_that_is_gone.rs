//! One queue, two greenlets.
//!
//! Cure: let value = queue.clone();

use gevent::queue::Queue;

fn main() {
    let queue = Queue::new();
    gevent::spawn(move || queue.put(1));
    gevent::spawn(move || queue.get());
}
