//! A kill with an error: it can be caught; uncaught it is the greenlet's error, and reported.

use gevent::greenlet::killall_with;
use gevent::{Exception, Greenlet, Kill, sleep, spawn};

use super::common::{TestResult, ValueError, report_errors, show};

fn catches() -> Result<&'static str, Exception> {
    match sleep(100) {
        Err(error) if error.is::<ValueError>() => {
            println!("caught {error}");
            Ok("good")
        }
        other => other.map(|()| ""),
    }
}

fn lets_go() -> Result<&'static str, Exception> {
    sleep(100).map(|()| "")
}

fn states(g: &Greenlet<&'static str>) {
    println!(
        "successful={} value={} exception={}",
        g.successful(),
        show(g.value()),
        show(g.exception())
    );
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let (a, b) = (spawn(catches), spawn(lets_go));
    sleep(0)?;
    killall_with([&a, &b], Kill::with(ValueError("told to go")))?;
    states(&a);
    states(&b);
    let c = spawn(lets_go);
    c.link_exception(|g| println!("link_exception {}", show(g.exception())));
    c.link_value(|g| println!("link_value {}", show(g.value())));
    c.kill_with(Kill::with(ValueError("never began")))?;
    states(&c);
    sleep(0)
}
