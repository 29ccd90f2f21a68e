//! One iteration of the loop: prepare, callbacks, events, check.

use gevent::hub::core::{Loop, Watcher};
use gevent::{get_hub, sleep};

use super::common::TestResult;

fn in_order(loop_: &Loop, label: &'static str) -> TestResult {
    println!("{label}");
    loop_.run_callback(move || println!("callback queued by {label}"))?;
    Ok(())
}

fn stop(watchers: &[Watcher; 2]) -> TestResult {
    for watcher in watchers {
        watcher.stop()?;
    }
    println!("stopped");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let in_order = |label| {
        let l = loop_.clone();
        move || in_order(&l, label)
    };
    let (prepare, check) = (loop_.prepare()?, loop_.check()?);
    let timer = loop_.timer(0.0)?;

    timer.start(in_order("timer"))?;
    check.start(in_order("check"))?;
    prepare.start(in_order("prepare"))?;
    loop_.run_callback(in_order("callback"))?;
    let watchers = [Watcher::clone(&prepare), Watcher::clone(&check)];
    let last = loop_.timer(0.0)?.with_priority(-2)?;
    let l = loop_.clone();
    last.start(move || {
        let watchers = watchers.clone();
        l.run_callback(move || stop(&watchers))?;
        Ok(())
    })?;
    sleep(0.05)
}
