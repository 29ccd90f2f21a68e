//! Timers of no time, repeating timers and callbacks: which comes first, in the same iteration of the loop.

use std::cell::Cell;

use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();

    let once = loop_.timer(0)?;
    let repeating = loop_.timer_repeat(0, 0.01)?;
    let tick = {
        let (ticks, repeating) = (Cell::new(0), repeating.clone());
        move || {
            ticks.set(ticks.get() + 1);
            println!("tick {}", ticks.get());
            if ticks.get() == 3 {
                repeating.stop()?;
            }
            Ok(())
        }
    };
    once.start(|| println!("once"))?;
    repeating.start(tick)?;
    loop_.run_callback(|| println!("callback"))?;
    spawn(|| println!("greenlet"));
    println!("active {} {}", once.active(), repeating.active());
    sleep(0)?;
    println!("main has slept");
    hub.join()?;
    println!("active {} {}", once.active(), repeating.active());

    let past = loop_.timer(-1)?;
    past.start(|| println!("past"))?;
    once.start(|| println!("once more"))?;
    hub.join()?;
    once.again(|| println!("never"))?;
    println!("again without a repeat: {}", once.active());
    hub.join()?;
    Ok(())
}
