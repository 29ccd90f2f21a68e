//! A timer that is due, and stopped before its turn in the same iteration, does not fire.

use gevent::hub::core::{Loop, Timer};
use gevent::{get_hub, sleep};

use super::common::TestResult;

fn fires(loop_: &Loop, second: &Timer) -> TestResult {
    println!("first fires, second pending: {}", second.pending());
    second.stop()?;
    println!("second pending: {}", second.pending());
    loop_.run_callback(|| println!("callback queued by the first"))?;
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_().clone();
    let timer = || loop_.timer(0.0);

    let (first, second, third) = (timer()?, timer()?, timer()?);
    let (l, s) = (loop_.clone(), second.clone());
    first.start(move || fires(&l, &s))?;
    second.start(|| println!("never printed"))?;
    third.start(|| println!("third fires"))?;
    sleep(0.1)?;
    let active = [&first, &second, &third].map(|timer| timer.active());
    println!("active: {} {} {}", active[0], active[1], active[2]);
    first.start(|| println!("first fires again"))?;
    sleep(0.1)
}
