//! A greenlet that is killed before its turn never runs; its links are called nevertheless.

use gevent::{Greenlet, Kill, sleep, spawn, spawn_later};

use super::common::{TestResult, ValueError, name, report_errors};

fn never() {
    println!("never printed");
}

fn show(g: &Greenlet<()>) {
    if let Err(error) = g.get() {
        // A GreenletExit is a value in gevent.
        let what = if g.successful() { "value" } else { "raises" };
        println!("{what}: {}", name(&error));
    }
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let made = Greenlet::new(never);
    made.rawlink(|_| println!("link of made"));
    made.kill()?;
    println!("made: {}", made.dead());
    made.start()?;

    let scheduled = spawn(never);
    scheduled.rawlink(|_| println!("link of scheduled"));
    scheduled.kill_with(Kill::default().nonblocking())?;
    println!("scheduled: {}", scheduled.dead());

    let timed = spawn_later(0.001, never);
    timed.rawlink(|_| println!("link of timed"));
    timed.kill_with(Kill::with(ValueError("kill")))?;
    println!("timed: {}", timed.dead());

    let thrown = spawn(never);
    thrown.rawlink(|_| println!("link of thrown"));
    thrown.throw(ValueError("throw"))?;
    println!("thrown: {}", thrown.dead());

    sleep(0.05)?;
    for g in [made, scheduled, timed, thrown] {
        show(&g);
    }
    Ok(())
}
