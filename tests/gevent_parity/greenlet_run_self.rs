//! The attributes of a greenlet while it ends: it is not ready in its function, but ready in its links.

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

fn works() -> TestResult {
    show("running", &Greenlet::current().expect("it is one"));
    Ok(())
}

fn fails() -> TestResult {
    Err(ValueError("greenlet").into())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    for run in [works, fails] {
        let g = spawn(run);
        g.link(|source| show("link", source));
        g.rawlink(|source| show("rawlink", source));
        g.join()?;
        sleep(0)?;
    }
    Ok(())
}
