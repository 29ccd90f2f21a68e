//! joinall with raise_error raises the first error; without it errors stay with the greenlets.

use gevent::{JoinAll, joinall_with, sleep, spawn};

use super::common::{TestResult, ValueError, report_errors};

fn fails(name: &'static str, seconds: f64) -> TestResult {
    sleep(seconds)?;
    Err(ValueError(name).into())
}

fn works(seconds: f64) -> TestResult {
    sleep(seconds)
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let greenlets = [
        spawn(|| works(100.0)),
        spawn(|| fails("slow", 0.3)),
        spawn(|| fails("fast", 0.01)),
        spawn(|| works(0.001)),
    ];
    let joined = joinall_with(&greenlets, JoinAll::default().raise_error());
    if let Err(error) = joined {
        let own = greenlets[2].exception();
        let same = own.is_some_and(|own| own.same(&error));
        println!("raised: {error}, the same: {same}");
    }
    let [a, b, c, d] = greenlets.each_ref().map(|g| g.ready());
    println!("ready: {a} {b} {c} {d}");
    let done = joinall_with(&greenlets, JoinAll::default().count(3))?;
    println!("done: {}", done.len());
    Ok(())
}
