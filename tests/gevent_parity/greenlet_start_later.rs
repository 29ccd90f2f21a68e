//! Timed starts: in the order of their times, and only the first start of a greenlet counts.

use gevent::{Greenlet, joinall, spawn, spawn_later};

use super::common::TestResult;

fn worker(name: &str) {
    println!("{name} begins");
}

pub(crate) fn main() -> TestResult {
    let a = spawn_later(0.05, || worker("a"));
    let b = spawn_later(0.02, || worker("b"));
    let c = Greenlet::new(|| worker("c"));
    c.start_later(0.08)?;
    c.start()?;
    c.start_later(0)?;
    let d = spawn_later(0, || worker("d"));
    let e = spawn(|| worker("e"));
    let f = spawn_later(0.03, || worker("f"));
    f.kill()?;
    println!("started: {} {} {}", a.started(), c.started(), f.started());
    joinall([a, b, c, d, e, f])?;
    Ok(())
}
