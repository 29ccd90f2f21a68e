//! Events of one iteration: the higher priority comes first, then the event that was due first.

use gevent::{get_hub, sleep};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let mut timers = Vec::new();
    for (i, priority) in [-2, 0, 2, -1, 1, 0].into_iter().enumerate() {
        let timer = loop_.timer(0.0)?.with_priority(priority)?;
        timer.start(move || println!("timer {i} of priority {priority}"))?;
        timers.push(timer);
    }
    loop_.run_callback(|| println!("callback"))?;
    sleep(0.01)?;
    // The events come in the same iteration also on a slow machine.
    sleep(0)?;

    let running = loop_.timer(100.0)?;
    running.start(|| println!("never printed"))?;
    if running.set_priority(1).is_err() {
        println!("refused while active");
    }
    running.stop()?;
    running.set_priority(1)?;
    println!("{}", running.priority());
    Ok(())
}
