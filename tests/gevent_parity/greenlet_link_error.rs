//! An error in a link goes to the hub, and stops no other link.

use gevent::{Greenlet, sleep, spawn};

use super::common::{TestResult, ValueError, report_errors};

fn fails(_: &Greenlet<()>) -> TestResult {
    println!("link that fails");
    Err(ValueError("link").into())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let g = spawn(|| ());
    g.rawlink(fails);
    g.rawlink(|_| println!("rawlink after it"));
    g.link(fails);
    g.link(|_| println!("link after it"));
    g.join()?;
    println!("joined");
    sleep(0)
}
