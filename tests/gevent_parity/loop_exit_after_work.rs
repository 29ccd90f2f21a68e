//! LoopExit comes only when all others are done; what was queued meanwhile runs in the next wait.

use gevent::exceptions::LoopExit;
use gevent::{Greenlet, sleep, spawn, spawn_later};

use super::common::{TestResult, name};

fn worker() -> TestResult {
    sleep(0.01)?;
    println!("worker ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    spawn(worker);
    spawn_later(0.001, || println!("timed greenlet"));
    let never = Greenlet::new(|| println!("never printed"));
    for i in 0..2 {
        match never.join() {
            Err(error) if error.is::<LoopExit>() => println!("{i}: {}", name(&error)),
            joined => joined?,
        }
        spawn(move || println!("spawned after {i}"));
    }
    never.start()?;
    never.kill()?;
    sleep(0)
}
