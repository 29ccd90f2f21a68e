//! The forms of kill and killall: with an exception, without waiting for the end, for a limited time.

use gevent::{Exception, Greenlet, GreenletExit, Kill, TimeoutError, killall_with, sleep, spawn};

use super::common::{TestResult, ValueError, name, report_errors};

fn stubborn(label: &str, mut kills: usize) -> TestResult {
    loop {
        match sleep(100) {
            Err(error) if error.is::<ValueError>() || error.is::<GreenletExit>() => {
                println!("{label}: {}", name(&error));
                if kills == 0 {
                    return Err(error);
                }
                kills -= 1;
            }
            slept => slept?,
        }
    }
}

fn started(label: &'static str, kills: usize) -> Result<Greenlet<()>, Exception> {
    let g = spawn(move || stubborn(label, kills));
    sleep(0)?;
    Ok(g)
}

fn show(label: &str, greenlets: &[&Greenlet<()>]) {
    let dead: Vec<_> = greenlets.iter().map(|g| g.dead().to_string()).collect();
    println!("{label}: {}", dead.join(" "));
}

pub(crate) fn main() -> TestResult {
    report_errors();

    let a = started("a", 0)?;
    a.kill_with(Kill::with(ValueError("by name")))?;
    show("with an exception", &[&a]);
    let b = started("b", 0)?;
    b.kill_with(Kill::with(ValueError("unseen")).nonblocking())?;
    show("without waiting", &[&b]);
    b.join()?;
    show("joined", &[&b]);
    let c = started("c", 1)?;
    c.kill_with(Kill::default().timeout(0.001))?;
    show("in no time", &[&c]);
    c.kill()?;
    show("again", &[&c]);

    let (d, e) = (started("d", 0)?, started("e", 1)?);
    killall_with([&d, &e], Kill::with(ValueError("for all")).nonblocking())?;
    show("killall", &[&d, &e]);
    sleep(0)?;
    show("killall, a turn later", &[&d, &e]);
    match killall_with(
        [&started("f", 1)?, &d, &e],
        Kill::with(ValueError("in time")).timeout(0.001),
    ) {
        Err(timeout) if timeout.is::<TimeoutError>() => println!("{}: {timeout}", name(&timeout)),
        killed => killed?,
    }
    show("pair", &[&d, &e]);
    Ok(())
}
