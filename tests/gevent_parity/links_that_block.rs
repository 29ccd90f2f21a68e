//! A rawlink runs in the hub: waiting there is an error, which is reported; the other links are called.

use gevent::{sleep, spawn};

use super::common::{TestResult, report_errors};

pub(crate) fn main() -> TestResult {
    report_errors();
    let other = spawn(|| sleep(100));
    let g = spawn(|| println!("runs"));
    g.rawlink(|_| sleep(0.001));
    let o = other.clone();
    g.rawlink(move |_| o.join());
    let o = other.clone();
    g.rawlink(move |_| o.get());
    let o = other.clone();
    g.rawlink(move |_| o.kill());
    g.rawlink(|_| println!("last rawlink"));
    let o = other.clone();
    g.link(move |_| {
        o.join()?;
        println!("link has waited");
        Ok(())
    });
    g.join()?;
    sleep(0.001)?;
    other.join()?;
    sleep(0)
}
