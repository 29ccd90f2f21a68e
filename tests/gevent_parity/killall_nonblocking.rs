//! killall that does not block, and killall without a greenlet that is left to kill.

use gevent::{Greenlet, Kill, killall, killall_with, sleep, spawn};

use super::common::TestResult;

fn worker(name: &str) -> TestResult {
    let slept = sleep(100);
    println!("{name} ends");
    slept
}

fn dead(greenlets: &[Greenlet<()>]) -> String {
    let dead: Vec<_> = greenlets.iter().map(|g| g.dead().to_string()).collect();
    dead.join(" ")
}

pub(crate) fn main() -> TestResult {
    let greenlets = ["a", "b", "c"].map(|name| spawn(move || worker(name)));
    sleep(0)?;
    killall_with(&greenlets, Kill::default().nonblocking())?;
    println!("not yet: {}", dead(&greenlets));
    sleep(0)?;
    println!("now: {}", dead(&greenlets));

    spawn(|| println!("another greenlet"));
    killall([] as [Greenlet<()>; 0])?;
    println!("killed nobody");
    killall(&greenlets)?;
    println!("killed those who were dead");
    killall([spawn(|| worker("d")), Greenlet::new(|| worker("e"))])?;
    println!("killed those who had not begun");
    sleep(0)
}
