//! SystemExit in a greenlet is raised in main; main may handle it and go on.

use gevent::exceptions::SystemExit;
use gevent::{joinall, sleep, spawn};

use super::common::{TestResult, name, report_errors};

fn exits(code: i32) -> TestResult {
    println!("exits with {code}");
    Err(SystemExit(code).into())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let g = spawn(|| exits(3));
    let h = spawn(|| {
        println!("the next greenlet");
        Ok(())
    });
    g.link(|_| println!("link of the one that exits"));
    if let Err(error) = sleep(0)
        && let Some(SystemExit(code)) = error.downcast_ref()
    {
        println!("main: {} {code}", name(&error));
    }
    let error = g.exception().map(|error| name(&error)).unwrap_or_default();
    let (ready, successful) = ((g.ready(), h.ready()), g.successful());
    println!("ready: {} {}, successful: {successful}, {error}", ready.0, ready.1);
    joinall([&g, &h])?;
    sleep(0)?;
    println!("dead: {}", g.dead());
    Ok(())
}
