//! sleep(0) gives every greenlet that can run its turn, in a ring.

use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

fn worker(name: &str, rounds: usize) -> TestResult {
    for i in 0..rounds {
        println!("{name} {i}");
        sleep(0)?;
    }
    println!("{name} ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let mut greenlets = vec![
        spawn(|| worker("a", 3)),
        spawn(|| worker("b", 1)),
        spawn(|| worker("c", 2)),
    ];
    for i in 0..2 {
        println!("main {i}");
        sleep(0)?;
    }
    greenlets.push(spawn(|| worker("d", 1)));
    joinall(greenlets)?;
    Ok(())
}
