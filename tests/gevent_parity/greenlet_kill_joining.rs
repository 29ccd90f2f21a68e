//! A greenlet that is killed while it joins another one leaves no link behind, and does not disturb it.

use gevent::{Greenlet, sleep, spawn};

use super::common::TestResult;

fn joins(worker: &Greenlet<()>) -> TestResult {
    let joined = worker.join();
    if joined.is_ok() {
        println!("never printed");
    }
    println!("the join is over");
    joined
}

fn gets(worker: &Greenlet<()>) -> TestResult {
    let got = worker.get();
    if got.is_ok() {
        println!("never printed");
    }
    println!("the get is over");
    got
}

fn works() -> TestResult {
    sleep(0.3)?;
    println!("worker ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let worker = spawn(works);
    let (w1, w2) = (worker.clone(), worker.clone());
    let (joiner, getter) = (spawn(move || joins(&w1)), spawn(move || gets(&w2)));
    sleep(0)?;
    println!("has links: {}", worker.has_links());
    joiner.kill()?;
    println!("has links: {}", worker.has_links());
    getter.kill()?;
    println!("has links: {}", worker.has_links());
    worker.join()
}
