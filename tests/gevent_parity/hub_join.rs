//! hub.join waits for all greenlets, timers and callbacks, or until its time is over.

use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

fn worker(name: &str, seconds: f64) -> TestResult {
    sleep(seconds)?;
    println!("{name} ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();

    println!("nothing to do: {}", hub.join()?);
    println!("nothing to do, timeout: {}", hub.join_timeout(100)?);
    spawn(|| worker("a", 0.01));
    spawn(|| worker("b", 0.0));
    loop_.run_callback(|| println!("callback"))?;
    println!("all: {}", hub.join()?);
    let _c = spawn(|| worker("c", 0.3));
    println!("timeout=0: {}", hub.join_timeout(0)?);
    println!("timeout=0.001: {}", hub.join_timeout(0.001)?);
    println!("timeout=100: {}", hub.join_timeout(100)?);
    let unref = loop_.timer(100.0)?.with_ref(false)?;
    unref.start(|| println!("never printed"))?;
    println!("an unref'd timer does not count: {}", hub.join()?);
    unref.stop()?;
    Ok(())
}
