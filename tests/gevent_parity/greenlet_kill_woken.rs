//! A kill of a greenlet that is about to go on: the callback that is queued first comes first.

use std::cell::OnceCell;
use std::rc::Rc;

use gevent::{Greenlet, GreenletExit, Kill, joinall, sleep, spawn};

use super::common::TestResult;

fn sleeper(name: &str) -> TestResult {
    let slept: TestResult = (|| {
        sleep(0)?;
        println!("{name} has slept");
        sleep(0)?;
        println!("{name} has slept again");
        Ok(())
    })();
    match slept {
        Err(exception) if exception.is::<GreenletExit>() => println!("{name} is killed"),
        other => other?,
    }
    Ok(())
}

fn killer(victims: &[Greenlet<()>]) -> TestResult {
    println!("killer");
    for g in victims {
        g.kill_with(Kill::default().nonblocking())?;
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let victims: Rc<OnceCell<[Greenlet<()>; 2]>> = Rc::default();
    let a = spawn(|| sleeper("a"));
    let v = victims.clone();
    let k = spawn(move || killer(v.get().expect("set below")));
    let b = spawn(|| sleeper("b"));
    let [a, b] = victims.get_or_init(|| [a, b]);
    joinall([a, b, &k])?;
    println!("{} {}", a.dead(), b.dead());
    Ok(())
}
