//! A kill of a greenlet that has only yielded comes in turn: if it is woken before, it goes on.

use gevent::{Exception, GreenletExit, Kill, sleep, spawn};

use super::common::TestResult;

fn count(label: &str) -> TestResult {
    for n in 0..3 {
        println!("{label}{n}");
        sleep(0)?;
    }
    Ok(())
}

fn worker(label: &'static str) -> impl Fn() -> Result<(), Exception> {
    move || {
        match count(label) {
            Err(error) if error.is::<GreenletExit>() => {
                println!("{label} is killed");
                sleep(0)?;
                println!("{label} goes");
            }
            other => other?,
        }
        Ok(())
    }
}

pub(crate) fn main() -> TestResult {
    let a = spawn(worker("a"));
    let b = spawn(worker("b"));
    sleep(0)?;
    println!("kill a");
    a.kill_with(Kill::default().nonblocking())?;
    println!("{}", a.dead());
    sleep(0)?;
    println!("kill b");
    b.kill()?;
    println!("{} {}", a.dead(), b.dead());
    Ok(())
}
