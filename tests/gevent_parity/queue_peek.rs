//! Greenlets that peek, among others that get.

use gevent::queue::{Empty, Queue};
use gevent::{Exception, sleep, spawn};

use super::common::TestResult;

fn run(name: &'static str, method: impl Fn() -> Result<&'static str, Exception> + 'static) {
    spawn(move || {
        println!("{name} has {}", method()?);
        Ok(())
    });
}

pub(crate) fn main() -> TestResult {
    let queue = Queue::new();
    let [q1, q2, q3] = [queue.clone(), queue.clone(), queue.clone()];

    run("peek 1", move || q1.peek());
    run("get", move || q2.get());
    run("peek 2", move || q3.peek());
    sleep(0)?;
    queue.put("x")?;
    sleep(0)?;
    queue.put("y")?;
    sleep(0)?;
    println!("left {}, size {}", queue.peek_nowait()?, queue.qsize());
    queue.get()?;
    match queue.peek_nowait() {
        Err(e) if e.is::<Empty>() => println!("Empty"),
        peeked => println!("{}", peeked?),
    }
    Ok(())
}
