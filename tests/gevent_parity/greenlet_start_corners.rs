//! start and start_later count once; a kill takes the start away for ever, and links are called.

use gevent::greenlet::spawn_later;
use gevent::{Greenlet, Kill, joinall, sleep};

use super::common::TestResult;

fn states(label: &str, g: &Greenlet<()>) {
    println!("{label}: started={} ready={} dead={}", g.started(), g.ready(), g.dead());
}

pub(crate) fn main() -> TestResult {
    let g = Greenlet::new(|| println!("once"));
    states("new", &g);
    g.start_later(100)?;
    states("later", &g);
    g.start()?;
    sleep(0)?;
    states("start does not count", &g);
    g.kill()?;
    states("killed", &g);
    g.start()?;
    g.start_later(0)?;
    sleep(0.001)?;
    states("no start any more", &g);

    let g = Greenlet::new(|| println!("never"));
    g.rawlink(|source| println!("told {}", source.successful()));
    g.kill_with(Kill::default().nonblocking())?;
    states("killed when new", &g);
    sleep(0)?;

    let g = spawn_later(0.1, || println!("later"));
    let h = spawn_later(0, || println!("at once"));
    states("spawn_later", &g);
    joinall([&g, &h])?;
    g.start()?;
    states("ended", &g);
    Ok(())
}
