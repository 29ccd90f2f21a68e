//! A link may block, because it runs in a greenlet of its own; the next links do not wait for it.

use gevent::{Greenlet, sleep, spawn};

use super::common::TestResult;

fn blocks(_: &Greenlet<()>) -> TestResult {
    println!("link blocks");
    sleep(0.001)?;
    println!("link goes on");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let g = spawn(|| println!("greenlet"));
    g.link(blocks);
    g.link(|_| println!("next link"));
    g.join()?;
    println!("joined");
    sleep(0.05)
}
