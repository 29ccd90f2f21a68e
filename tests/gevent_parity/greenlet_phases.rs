//! The attributes of a greenlet in each phase of its life.

use gevent::{Exception, Greenlet, sleep, spawn_later};

use super::common::{self, TestResult};

fn show(phase: &str, g: &Greenlet<i32>) {
    println!(
        "{phase}: started={} ready={} dead={} successful={} value={} exception={}",
        g.started(),
        g.ready(),
        g.dead(),
        g.successful(),
        common::show(g.value()),
        g.exception().is_some(),
    );
}

fn worker() -> Result<i32, Exception> {
    show("running", &Greenlet::current().expect("it is one"));
    sleep(0)?;
    Ok(7)
}

pub(crate) fn main() -> TestResult {
    let g = Greenlet::new(worker);
    show("made", &g);
    g.start()?;
    show("scheduled", &g);
    sleep(0)?;
    show("parked", &g);
    g.join()?;
    show("ended", &g);

    let later = spawn_later(0.001, || 8);
    show("scheduled by a timer", &later);
    later.join()?;
    show("ended", &later);
    Ok(())
}
