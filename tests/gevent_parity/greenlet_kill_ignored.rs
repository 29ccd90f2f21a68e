//! A greenlet that catches a kill goes on; kill waits for its end, or until the time is over.

use gevent::{Exception, GreenletExit, Kill, sleep, spawn};

use super::common::{TestResult, show};

fn ignores() -> Result<&'static str, Exception> {
    match sleep(100) {
        Err(exception) if exception.is::<GreenletExit>() => println!("ignores it"),
        slept => slept?,
    }
    sleep(0.3)?;
    println!("ends in its own time");
    Ok("value")
}

pub(crate) fn main() -> TestResult {
    let g = spawn(ignores);
    sleep(0)?;
    g.kill_with(Kill::default().timeout(0.001))?;
    println!("after the time limit: {}", g.dead());
    g.join()?;
    println!("value: {}", show(g.value()));

    let g = spawn(ignores);
    sleep(0)?;
    g.kill()?;
    println!("after the kill: {}, {}", g.dead(), show(g.value()));
    Ok(())
}
