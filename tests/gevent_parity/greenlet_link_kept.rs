//! A callback is kept, linked several times and to several greenlets; it is called with the greenlet it was linked to.

use gevent::{Exception, Greenlet, Link, joinall, sleep};

use super::common::{TestResult, ValueError, report_errors};

fn fails() -> Result<i32, Exception> {
    Err(ValueError("greenlet").into())
}

fn named(name: &str, run: fn() -> Result<i32, Exception>) -> Greenlet<i32> {
    let g = Greenlet::new(run);
    g.set_name(name);
    g
}

fn ended(g: &Greenlet<i32>) {
    println!("{} has ended: {}", g.name(), g.successful());
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let ended = Link::keep(ended);
    let (a, b, c) = (named("a", || Ok(1)), named("b", || Ok(2)), named("c", fails));
    a.link(&ended);
    a.link(&ended);
    a.rawlink(&ended);
    b.link_value(&ended);
    b.link_exception(&ended);
    c.link_value(&ended);
    c.link_exception(&ended);
    c.rawlink(&ended);
    for g in [&a, &b, &c] {
        g.start()?;
    }
    joinall([&a, &b, &c])?;
    sleep(0)?;
    println!("again");
    a.link(&ended);
    b.rawlink(&ended);
    sleep(0)
}
