//! kill with a time limit gives up on a greenlet that ignores it; a later kill may succeed.

use gevent::{Exception, GreenletExit, Kill, sleep, spawn};

use super::common::TestResult;

fn stubborn() -> Result<&'static str, Exception> {
    for attempt in 0..2 {
        match sleep(100) {
            Err(error) if error.is::<GreenletExit>() => println!("ignored {attempt}"),
            slept => slept?,
        }
    }
    println!("ends");
    Ok("value")
}

pub(crate) fn main() -> TestResult {
    let g = spawn(stubborn);
    g.rawlink(|_| println!("link"));
    sleep(0)?;
    // The result says that the greenlet goes on.
    assert!(!g.kill_with(Kill::default().timeout(0.001))?);
    println!("after the first: {} {}", g.ready(), g.dead());
    g.kill_with(Kill::default().timeout(0))?;
    println!("after the second: {} {}", g.ready(), g.dead());
    g.join_timeout(1)?;
    println!("{} {}", g.get()?, g.successful());
    g.kill_with(Kill::default().timeout(0))?;
    Ok(())
}
