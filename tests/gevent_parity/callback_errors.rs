//! A callback that fails does not keep the others from running, nor does one that queues more.

use gevent::hub::core::Loop;
use gevent::{get_hub, sleep};

use super::common::{TestResult, ValueError, report_errors};

fn fails(label: &str) -> TestResult {
    println!("{label} fails");
    Err(ValueError("fails").into())
}

fn queues(loop_: &Loop, depth: usize) -> TestResult {
    println!("queued at depth {depth}");
    if depth < 3 {
        let l = loop_.clone();
        loop_.run_callback(move || queues(&l, depth + 1))?;
        loop_.run_callback(move || fails(&format!("at depth {depth}")))?;
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let hub = get_hub();
    let loop_ = hub.loop_();

    loop_.run_callback(|| fails("first"))?;
    let l = loop_.clone();
    loop_.run_callback(move || queues(&l, 0))?;
    loop_.run_callback(|| println!("last of the first round"))?;
    sleep(0)?;
    println!("main goes on before the callbacks of callbacks");
    sleep(0.001)
}
