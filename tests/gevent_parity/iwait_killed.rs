//! A greenlet that is killed, or gets a timeout, in wait leaves no link behind.

use gevent::{Greenlet, Timeout, killall, sleep, spawn, wait};

use super::common::TestResult;

fn waits(greenlets: &[Greenlet<()>]) -> TestResult {
    let waited = wait(greenlets);
    println!("the wait is over");
    waited.map(drop)
}

fn show(greenlets: &[Greenlet<()>]) {
    let links: Vec<_> = greenlets.iter().map(|g| (g.has_links()).to_string()).collect();
    println!("{}", links.join(" "));
}

pub(crate) fn main() -> TestResult {
    let greenlets = [(); 2].map(|()| spawn(|| sleep(100)));
    let waited = greenlets.clone();
    let waiter = spawn(move || waits(&waited));
    sleep(0)?;
    show(&greenlets);
    waiter.kill()?;
    show(&greenlets);
    Timeout::new(0.001).silent(|| waits(&greenlets))?;
    show(&greenlets);
    killall(greenlets)
}
