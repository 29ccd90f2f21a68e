//! killall takes raw greenlets, too, together with others.

use gevent::greenlet::killall_with;
use gevent::{GreenletExit, Kill, Killable, killall, sleep, spawn, spawn_raw};

use super::common::TestResult;

fn worker(name: &str) -> TestResult {
    println!("{name} begins");
    match sleep(100) {
        Err(error) if error.is::<GreenletExit>() => {
            println!("{name} is killed");
            return Err(error);
        }
        slept => slept?,
    }
    println!("{name} ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let raw = spawn_raw(|| worker("raw"))?;
    let cooked = spawn(|| worker("cooked"));
    sleep(0)?;
    let unrun = spawn_raw(|| worker("raw, not begun"))?;
    let all: [&dyn Killable; 3] = [&raw, &cooked, &unrun];
    killall(all)?;
    println!("{} {} {}", raw.dead(), cooked.dead(), unrun.dead());
    killall(all)?;

    let raw = spawn_raw(|| worker("another raw"))?;
    sleep(0)?;
    killall_with([&raw], Kill::default().nonblocking())?;
    println!("{}", raw.dead());
    sleep(0)?;
    println!("{}", raw.dead());
    Ok(())
}
