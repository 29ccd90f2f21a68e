//! One greenlet joins many, many join one, and they all end in order.

use gevent::{Exception, Greenlet, joinall, sleep, spawn};

use super::common::{TestResult, show};

fn worker(i: usize) -> Result<usize, Exception> {
    for _ in 0..i % 3 {
        sleep(0)?;
    }
    Ok(i)
}

fn joiner(i: usize, last: &Greenlet<usize>) -> TestResult {
    println!("joiner {i}: {}", last.get()?);
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let workers: Vec<_> = (0..9).map(|i| spawn(move || worker(i))).collect();
    let joiners = (0..3).map(|i| {
        let last = workers[5].clone();
        spawn(move || joiner(i, &last)).any()
    });
    let joiners: Vec<_> = joiners.collect();
    let all = workers.iter().map(Greenlet::any).chain(joiners);
    let values: Vec<_> = joinall(all)?
        .iter()
        .filter_map(|g| workers.iter().find(|worker| worker.any() == *g))
        .map(|worker| show(worker.value()))
        .collect();
    println!("ended: {}", values.join(" "));
    Ok(())
}
