//! The greenlet that kills may be interrupted while it waits; the victim is killed nevertheless.

use gevent::{GreenletExit, Timeout, sleep, spawn};

use super::common::TestResult;

fn stubborn() -> TestResult {
    match sleep(100) {
        Err(exception) if exception.is::<GreenletExit>() => {
            println!("stubborn takes its time");
            sleep(0.3)?;
        }
        slept => slept?,
    }
    println!("stubborn ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let g = spawn(stubborn);
    let show = || {
        let (dead, links) = (g.dead(), g.has_links());
        println!("interrupted: {dead}, has links: {links}");
    };
    sleep(0)?;
    Timeout::new(0.001).silent(|| {
        g.kill()?;
        println!("never printed");
        Ok(())
    })?;
    show();
    let joined = g.clone();
    let killer = spawn(move || joined.join());
    sleep(0)?;
    killer.kill()?;
    show();
    g.join()
}
