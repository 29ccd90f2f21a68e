//! Python's `while True:` with a blocking call in it.
//!
//! Cure: `|| -> Result<(), gevent::Exception> { loop { .. } }`

use gevent::queue::Queue;

fn main() {
    let queue = Queue::<i32>::new();
    gevent::spawn(move || {
        loop {
            println!("{}", queue.get()?);
        }
    });
}
