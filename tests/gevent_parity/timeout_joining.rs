//! A timeout interrupts a greenlet that joins, and not the one that is joined.

use gevent::{Exception, Timeout, sleep, spawn};

use super::common::TestResult;

fn worker() -> Result<&'static str, Exception> {
    sleep(0.3)?;
    println!("worker ends");
    Ok("value")
}

pub(crate) fn main() -> TestResult {
    let g = spawn(worker);
    let timeout = Timeout::start_new(0.001);
    if let Err(error) = g.join() {
        let (caused, links) = (timeout.caused(&error), g.has_links());
        println!("join: {caused}, has links: {links}");
    }
    let timeout = Timeout::start_new(0.001);
    if let Err(error) = g.join_timeout(100) {
        let (caused, links) = (timeout.caused(&error), g.has_links());
        println!("join(timeout=100): {caused}, has links: {links}");
    }
    let timeout = Timeout::start_new(100);
    g.join_timeout(0.001)?;
    let (ready, pending) = (g.ready(), timeout.pending());
    println!("join(timeout=0.001): {ready}, pending: {pending}");
    println!("{}", g.get_timeout(100)?);
    timeout.close();
    Ok(())
}
