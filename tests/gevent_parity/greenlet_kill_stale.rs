//! A wait that was killed leaves a callback in the loop's queue, which does not disturb the next wait.

use std::cell::OnceCell;
use std::rc::Rc;

use gevent::{Greenlet, GreenletExit, Kill, idle, joinall, sleep, spawn, wait};

use super::common::TestResult;

type Wait = fn() -> TestResult;

fn worker(name: &str, first: impl FnOnce() -> TestResult, second: fn() -> TestResult) -> TestResult {
    match first() {
        Ok(()) => println!("{name}: was not killed there"),
        Err(exception) if exception.is::<GreenletExit>() => println!("{name} is killed"),
        Err(other) => return Err(other),
    }
    second()?;
    println!("{name} ends");
    Ok(())
}

fn waits() -> TestResult {
    let never = [(); 2].map(|()| Greenlet::new(|| ()));
    wait(never).map(drop)
}

pub(crate) fn main() -> TestResult {
    let ended = spawn(|| ());
    ended.join()?;
    let shorts: [(&str, Wait); 3] = [("sleep(0)", || sleep(0)), ("idle", || idle(0)), ("wait", waits)];
    for (name, first) in shorts {
        let g = spawn(move || worker(name, first, || sleep(0.001)));
        let killed = g.clone();
        let h = spawn(move || killed.kill());
        joinall([g, h])?;
    }

    let other: Rc<OnceCell<Greenlet<()>>> = Rc::default();
    let joined = other.clone();
    let join = move || joined.get().expect("set below").join();
    let g = spawn(move || worker("join", join, || sleep(0.001)));
    let other = other.get_or_init(|| spawn(|| sleep(0)));
    sleep(0)?;
    g.kill_with(Kill::default().nonblocking())?;
    joinall([other, &g])?;
    Ok(())
}
