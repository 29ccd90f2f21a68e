//! A greenlet that is killed may still spawn, wait and kill while it cleans up.

use gevent::{sleep, spawn};

use super::common::TestResult;

fn helper() -> TestResult {
    println!("helper begins");
    sleep(0)?;
    println!("helper ends");
    Ok(())
}

fn worker() -> TestResult {
    let slept = sleep(100);
    println!("cleaning up");
    spawn(helper).join()?;
    sleep(0.001)?;
    println!("clean");
    slept
}

pub(crate) fn main() -> TestResult {
    let g = spawn(worker);
    sleep(0)?;
    g.kill()?;
    println!("{} {}", g.dead(), g.successful());
    Ok(())
}
