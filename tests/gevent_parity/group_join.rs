//! Joining a group: in time, too late, with errors; discarded members.

use gevent::pool::Group;
use gevent::{Exception, Greenlet, sleep, spawn};

use super::common::{TestResult, ValueError, name, report_errors};

fn fail(message: &'static str) -> Result<(), Exception> {
    sleep(0)?;
    Err(ValueError(message).into())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let group = Group::new();

    println!("nobody: {}", group.join()?);
    group.spawn(|| sleep(0))?;
    println!("in time: {}, size {}", group.join_timeout(10)?, group.len());
    let sleeper = group.spawn(|| sleep(100))?;
    println!("too late: {}, size {}", group.join_timeout(0.01)?, group.len());
    group.discard(&sleeper);
    println!(
        "discarded: {}, size {}, dead {}",
        group.join()?,
        group.len(),
        sleeper.dead()
    );

    group.spawn(|| fail("first"))?;
    println!("no matter: {}", group.join()?);
    group.spawn(|| fail("second"))?;
    match group.join_raise_error() {
        Err(e) if e.is::<ValueError>() => println!("{} {e}", name(&e)),
        joined => drop(joined?),
    }

    let unstarted = Greenlet::new(|| println!("it runs"));
    group.add(&unstarted)?;
    println!("size {}, started {}", group.len(), unstarted.started());
    unstarted.start()?;
    group.join()?;
    let ended = spawn(|| 0);
    ended.join()?;
    group.add(&ended)?;
    println!("size {}", group.len());
    group.join()?;
    println!("size {}", group.len());
    sleeper.kill()
}
