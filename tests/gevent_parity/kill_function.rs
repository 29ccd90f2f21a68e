//! gevent.kill kills greenlets that run soon, and at once those whose turn has not come.

use gevent::{Greenlet, GreenletExit, kill, sleep, spawn};

use super::common::{TestResult, ValueError, name, report_errors};

fn sleeper() -> TestResult {
    sleep(100)
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let (made, scheduled, sleeping) = (Greenlet::new(sleeper), spawn(sleeper), spawn(sleeper));
    let failing = Greenlet::new(sleeper);
    let sleeping_too = spawn(sleeper);
    scheduled.rawlink(|_| println!("link of scheduled"));
    kill(&made, GreenletExit)?;
    kill(&scheduled, GreenletExit)?;
    kill(&failing, ValueError("kill"))?;
    println!("{} {} {}", made.dead(), scheduled.dead(), failing.dead());
    sleep(0)?;
    kill(&sleeping, GreenletExit)?;
    kill(&sleeping_too, ValueError("kill"))?;
    kill(&made, GreenletExit)?;
    println!("{} {}", sleeping.dead(), sleeping_too.dead());
    sleep(0)?;
    for g in [made, scheduled, failing, sleeping, sleeping_too] {
        // gevent's `g.exception or g.value`: a GreenletExit is a value there.
        let ended = g.get().map_or_else(|error| name(&error), |()| "None".to_owned());
        println!("{} {} {ended}", g.dead(), g.successful());
    }
    Ok(())
}
