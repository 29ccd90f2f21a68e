//! Greenlets begin in the order in which they were spawned, and not before the spawner blocks.

use gevent::{Greenlet, joinall, spawn};

use super::common::TestResult;

fn worker(name: &str) {
    println!("{name} begins");
}

pub(crate) fn main() -> TestResult {
    let a = spawn(|| worker("a"));
    let b = spawn(|| worker("b"));
    let c = Greenlet::new(|| worker("c"));
    let d = spawn(|| worker("d"));
    c.start()?;
    c.start()?;
    println!("main blocks");
    joinall([&d, &c, &b, &a])?;
    println!("main goes on");
    Ok(())
}
