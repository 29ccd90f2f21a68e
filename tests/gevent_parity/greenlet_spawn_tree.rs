//! Greenlets spawn greenlets: the children run after those that are queued already.

use gevent::{joinall, spawn};

use super::common::TestResult;

fn node(name: &str, depth: usize) -> TestResult {
    println!("{name} begins");
    if depth > 0 {
        let children = [0, 1].map(|i| {
            let child = format!("{name}{i}");
            spawn(move || node(&child, depth - 1))
        });
        joinall(children)?;
        println!("{name} has joined its children");
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let roots = ["a", "b"].map(|name| spawn(move || node(name, 2)));
    joinall(roots)?;
    Ok(())
}
