//! Each SystemExit reaches main, in its own wait; the greenlets in between have their turns.

use gevent::exceptions::SystemExit;
use gevent::{Greenlet, joinall, sleep, spawn};

use super::common::{TestResult, name, report_errors};

fn exits(code: i32) -> TestResult {
    Err(SystemExit(code).into())
}

fn prints(text: &str) -> TestResult {
    println!("{text}");
    Ok(())
}

fn dead(greenlets: &[Greenlet<()>]) -> String {
    let dead: Vec<_> = greenlets.iter().map(|g| g.dead().to_string()).collect();
    dead.join(" ")
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let greenlets = [
        spawn(|| exits(1)),
        spawn(|| prints("in between")),
        spawn(|| exits(2)),
        spawn(|| prints("at the end")),
    ];
    while !greenlets.iter().all(Greenlet::ready) {
        match joinall(&greenlets) {
            Ok(_) => println!("joined"),
            Err(error) => match error.downcast_ref() {
                Some(SystemExit(code)) => {
                    println!("main: {} {code}, dead: {}", name(&error), dead(&greenlets));
                }
                None => return Err(error),
            },
        }
    }
    sleep(0)?;
    println!("dead: {}", dead(&greenlets));
    Ok(())
}
