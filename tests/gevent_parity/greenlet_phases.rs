//! The attributes of a greenlet in each phase of its life.

use std::cell::OnceCell;
use std::rc::Rc;

use gevent::{Greenlet, sleep, spawn_later};

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

pub(crate) fn main() -> TestResult {
    let this: Rc<OnceCell<Greenlet<i32>>> = Rc::default();
    let inside = this.clone();
    let g = this.get_or_init(|| {
        Greenlet::new(move || {
            show("running", &inside.get().cloned().expect("set below"));
            sleep(0)?;
            Ok(7)
        })
    });
    show("made", g);
    g.start()?;
    show("scheduled", g);
    sleep(0)?;
    show("parked", g);
    g.join()?;
    show("ended", g);

    let later = spawn_later(0.001, || 8);
    show("scheduled by a timer", &later);
    later.join()?;
    show("ended", &later);
    Ok(())
}
