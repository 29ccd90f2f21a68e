//! Sleepers wake in the order of their times.

use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

fn sleeper(name: &str, seconds: f64) -> TestResult {
    sleep(seconds)?;
    println!("{name}");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let names = [("d", 0.15), ("a", 0.001), ("e", 0.2), ("b", 0.05), ("c", 0.1)];
    joinall(names.map(|(name, seconds)| spawn(move || sleeper(name, seconds))))?;
    Ok(())
}
