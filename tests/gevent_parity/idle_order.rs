//! idle goes on when nothing else is to be done: callbacks, and events of its priority, come first.

use gevent::{get_hub, idle, joinall, sleep, spawn};

use super::common::TestResult;

fn idler(name: &str, priority: i32) -> TestResult {
    idle(priority)?;
    println!("{name} was idle");
    Ok(())
}

fn busy(name: &str) -> TestResult {
    for i in 0..3 {
        println!("{name} {i}");
        sleep(0)?;
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let low = spawn(|| idler("low", -1));
    let normal = spawn(|| idler("normal", 0));
    let high = spawn(|| idler("high", 1));
    let timer = get_hub().loop_().timer(0.0)?;
    timer.start(|| println!("timer"))?;
    let busy = ["a", "b"].map(|name| spawn(move || busy(name)));
    joinall([low, normal, high].iter().chain(&busy))?;
    Ok(())
}
