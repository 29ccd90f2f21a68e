//! A sleep without ref does not keep the loop running; it ends if others keep it running.

use gevent::{get_hub, sleep, sleep_with_ref, spawn};

use super::common::TestResult;

fn sleeper() -> TestResult {
    sleep_with_ref(0.1, false)?;
    println!("slept");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let g = spawn(sleeper);
    println!("joined: {}", hub.join()?);
    println!("ready: {}", g.ready());
    sleep(1)?;
    println!("ready: {}", g.ready());
    let g = spawn(|| sleep_with_ref(0, false));
    println!("joined: {}", hub.join()?);
    println!("ready: {}", g.ready());
    Ok(())
}
