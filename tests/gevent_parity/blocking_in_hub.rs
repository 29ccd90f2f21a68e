//! The hub may call all that does not wait. A kill that may not wait is sent nevertheless.

use std::fmt::Debug;

use gevent::exceptions::BlockingSwitchOutError;
use gevent::{Exception, Greenlet, get_hub, killall, sleep, spawn, wait_timeout};

use super::common::{TestResult, name};

fn worker() -> TestResult {
    let slept = sleep(100);
    println!("worker ends");
    slept
}

fn tries<T: Debug>(what: &str, function: impl FnOnce() -> Result<T, Exception>) -> TestResult {
    match function() {
        Ok(value) => println!("{what}: {value:?}"),
        Err(error) if error.is::<BlockingSwitchOutError>() => println!("{what}: {}", name(&error)),
        Err(other) => return Err(other),
    }
    Ok(())
}

fn callback(ended: &Greenlet<i32>, running: &Greenlet<()>, never: &Greenlet<()>) -> TestResult {
    tries("get of one that has ended", || ended.get())?;
    ended.join()?;
    ended.kill()?;
    tries("wait", || wait_timeout([running], 100))?;
    tries("kill", || running.kill())?;
    println!("dead: {}", running.dead());
    never.kill()?;
    killall([never.any(), ended.any()])?;
    println!("dead: {}", never.dead());
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let (ended, running, never) = (spawn(|| 7), spawn(worker), Greenlet::new(worker));
    ended.join()?;
    let (e, r, n) = (ended.clone(), running.clone(), never.clone());
    hub.loop_().run_callback(move || callback(&e, &r, &n))?;
    sleep(0)?;
    sleep(0)?;
    let (dead, links) = (running.dead(), running.has_links());
    println!("dead: {dead}, has links: {links}");
    Ok(())
}
