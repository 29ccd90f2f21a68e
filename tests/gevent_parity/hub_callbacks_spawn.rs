//! Greenlets that a callback or a link spawns begin after those that are queued.

use gevent::{Greenlet, get_hub, sleep, spawn};

use super::common::TestResult;

fn callback() {
    let g = spawn(|| println!("spawned by a callback"));
    let hub = get_hub();
    let by_hub = g.spawning_greenlet().as_ref() == Some(hub.greenlet());
    println!("the spawner is the hub: {by_hub}");
}

fn link(_: &Greenlet<()>) {
    spawn(|| println!("spawned by a link"));
    println!("link");
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    hub.loop_().run_callback(callback)?;
    let g = spawn(|| println!("spawned by main"));
    g.rawlink(link);
    sleep(0)?;
    println!("main");
    sleep(0)?;
    sleep(0)
}
