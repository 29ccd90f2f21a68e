//! The attributes of a greenlet while it ends: it is not ready in its function, but ready in its links.

use std::cell::OnceCell;
use std::rc::Rc;

use gevent::{Greenlet, getcurrent, sleep, spawn};

use super::common::{TestResult, ValueError, report_errors};

fn show(when: &str, g: &Greenlet<()>) {
    println!(
        "{when}: current={} ready={} dead={} successful={}",
        getcurrent() == *g.raw(),
        g.ready(),
        g.dead(),
        g.successful()
    );
}

fn works(this: &Greenlet<()>) -> TestResult {
    show("running", this);
    Ok(())
}

fn fails(_: &Greenlet<()>) -> TestResult {
    Err(ValueError("greenlet").into())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    for run in [works, fails] {
        let this: Rc<OnceCell<Greenlet<()>>> = Rc::default();
        let inside = this.clone();
        let g = this.get_or_init(|| spawn(move || run(inside.get().expect("set before it runs"))));
        g.link(|source| show("link", source));
        g.rawlink(|source| show("rawlink", source));
        g.join()?;
        sleep(0)?;
    }
    Ok(())
}
