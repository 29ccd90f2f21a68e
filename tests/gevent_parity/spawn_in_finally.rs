//! A greenlet that is killed may still spawn, wait and kill while it cleans up.

use gevent::{sleep, spawn};

use super::common::Outcome;

fn helper() -> Outcome {
    println!("helper begins");
    sleep(0)?;
    println!("helper ends");
    Ok(())
}

fn worker() -> Outcome {
    let slept = sleep(100);
    println!("cleaning up");
    spawn(helper).join(None)?;
    sleep(0.001)?;
    println!("clean");
    slept
}

pub(crate) fn main() -> Outcome {
    let g = spawn(worker);
    sleep(0)?;
    g.kill()?;
    println!("{} {}", g.dead(), g.successful());
    Ok(())
}
