//! The order of a kill among the other queued callbacks.

use gevent::{GreenletExit, Kill, get_hub, sleep, spawn};

use super::common::TestResult;

fn worker(name: &str) -> TestResult {
    let slept = sleep(100);
    if let Err(exception) = &slept
        && exception.is::<GreenletExit>()
    {
        println!("{name} is killed");
    }
    println!("{name} ends");
    slept
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let dont_block = Kill::default().nonblocking();

    let a = spawn(|| worker("a"));
    let b = spawn(|| worker("b"));
    sleep(0)?;
    loop_.run_callback(|| println!("callback before"))?;
    a.kill_with(dont_block.clone())?;
    loop_.run_callback(|| println!("callback between"))?;
    b.kill_with(dont_block)?;
    loop_.run_callback(|| println!("callback after"))?;
    println!("not yet: {} {}", a.dead(), b.dead());
    sleep(0)?;
    println!("now: {} {}", a.dead(), b.dead());

    let c = spawn(|| worker("c"));
    c.link(|_| println!("link of c"));
    sleep(0)?;
    loop_.run_callback(|| println!("callback before a blocking kill"))?;
    c.kill()?;
    println!("after the kill: {}", c.dead());
    sleep(0)
}
