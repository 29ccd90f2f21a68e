//! join with a time limit returns either way, and leaves no link behind.

use gevent::{Greenlet, sleep, spawn};

use super::common::TestResult;

fn show(after: &str, g: &Greenlet<()>) {
    println!("{after}: {}, has links: {}", g.ready(), g.has_links());
}

pub(crate) fn main() -> TestResult {
    let g = spawn(|| sleep(100));
    g.join_timeout(0)?;
    show("after 0", &g);
    g.join_timeout(0.001)?;
    show("after 0.001", &g);
    let killed = g.clone();
    spawn(move || killed.kill());
    g.join_timeout(100)?;
    show("after the kill", &g);
    g.join_timeout(100)?;

    let h = Greenlet::new(|| println!("never printed"));
    h.join_timeout(0.001)?;
    show("not started", &h);
    Ok(())
}
