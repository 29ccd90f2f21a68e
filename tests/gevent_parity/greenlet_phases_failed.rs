//! The attributes of a greenlet that has failed, exited, or was killed.

use gevent::{Exception, Greenlet, GreenletExit, Kill, sleep, spawn, spawn_later};

use super::common::{TestResult, ValueError, report_errors};

fn show(phase: &str, g: &Greenlet<()>) {
    println!(
        "{phase}: started={} ready={} dead={} successful={} exception={}",
        g.started(),
        g.ready(),
        g.dead(),
        g.successful(),
        g.exception().is_some(),
    );
}

fn fails() -> TestResult {
    Err(ValueError("greenlet").into())
}

fn exits() -> TestResult {
    Err(Exception::new(GreenletExit))
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let g = spawn(fails);
    g.join()?;
    show("failed", &g);
    let g = spawn(exits);
    g.join()?;
    show("exited", &g);
    let g = Greenlet::new(fails);
    g.kill()?;
    show("killed before start", &g);
    let g = spawn(fails);
    g.kill()?;
    show("killed when scheduled", &g);
    let g = spawn_later(100, fails);
    g.kill()?;
    show("killed before its time", &g);
    let g = spawn(|| sleep(100));
    sleep(0)?;
    g.kill_with(Kill::default().nonblocking())?;
    show("kill is under way", &g);
    sleep(0)?;
    show("killed in sleep", &g);
    let g = spawn(|| sleep(100));
    sleep(0)?;
    g.kill_with(Kill::with(ValueError("kill")))?;
    show("killed by an error", &g);
    Ok(())
}
