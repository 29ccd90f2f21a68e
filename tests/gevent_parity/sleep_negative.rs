//! sleep with a time of 0, or a negative one, is sleep(0).

use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

fn worker(name: &str, seconds: f64) -> TestResult {
    println!("{name} begins");
    sleep(seconds)?;
    println!("{name} ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let workers = [("a", 0.0), ("b", -1.0), ("c", -0.5), ("d", 0.0)];
    let greenlets = workers.map(|(name, seconds)| spawn(move || worker(name, seconds)));
    joinall(greenlets)?;
    Ok(())
}
