//! Queued callbacks, spawned greenlets and sleep(0) share one queue; timers come after it.

use gevent::hub::core::Loop;
use gevent::{get_hub, joinall, sleep, spawn};

use super::common::TestResult;

fn worker(name: &str) -> TestResult {
    println!("{name} begins");
    sleep(0)?;
    println!("{name} after sleep(0)");
    sleep(0.001)?;
    println!("{name} after sleep(0.001)");
    Ok(())
}

fn callback(loop_: &Loop, name: &'static str) -> TestResult {
    println!("callback {name}");
    loop_.run_callback(move || println!("callback queued by {name}"))?;
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_().clone();

    let timer = loop_.timer(0.0)?;
    timer.start(|| println!("timer"))?;
    let l = loop_.clone();
    loop_.run_callback(move || callback(&l, "1"))?;
    let a = spawn(|| worker("a"));
    let l = loop_.clone();
    loop_.run_callback(move || callback(&l, "2"))?;
    let b = spawn(|| worker("b"));
    println!("main blocks");
    sleep(0)?;
    println!("main after sleep(0)");
    joinall([a, b])?;
    Ok(())
}
