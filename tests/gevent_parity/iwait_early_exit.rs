//! An iwait that is left early unlinks the other objects; those that were ready stay ready.

use gevent::{Exception, iwait, sleep, spawn};

use super::common::{TestResult, show};

fn worker(name: &'static str, rounds: usize) -> Result<&'static str, Exception> {
    for _ in 0..rounds {
        sleep(0)?;
    }
    Ok(name)
}

pub(crate) fn main() -> TestResult {
    let greenlets = [("a", 9), ("b", 1), ("c", 5)].map(|(name, rounds)| spawn(move || worker(name, rounds)));
    let links = || {
        let [a, b, c] = greenlets.each_ref().map(|g| g.has_links());
        format!("{a} {b} {c}")
    };

    let mut ready = iwait(&greenlets)?;
    println!("before the first: {}", links());
    if let Some(g) = ready.next() {
        println!("{} is ready: {}", show(g?.value()), links());
    }
    drop(ready);
    println!("left: {}", links());
    let ready: Result<Vec<_>, _> = iwait(&greenlets)?.collect();
    let values: Vec<_> = ready?.iter().map(|g| show(g.value())).collect();
    println!("{}", values.join(" "));
    Ok(())
}
