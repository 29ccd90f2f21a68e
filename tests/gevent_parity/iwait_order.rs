//! iwait yields the objects as they become ready; other waits in between lose none.

use gevent::{Exception, iwait, sleep, spawn};

use super::common::{TestResult, show};

fn worker(name: &'static str, rounds: usize) -> Result<&'static str, Exception> {
    for _ in 0..rounds {
        sleep(0)?;
    }
    println!("{name} ends");
    Ok(name)
}

pub(crate) fn main() -> TestResult {
    let greenlets =
        [("a", 30), ("b", 1), ("c", 20), ("d", 3)].map(|(name, rounds)| spawn(move || worker(name, rounds)));
    for g in iwait(&greenlets)? {
        let g = g?;
        println!("{} is ready", show(g.value()));
        for _ in 0..5 {
            sleep(0)?;
        }
        println!("{} is done with", show(g.value()));
    }
    for g in iwait([&greenlets[2], &greenlets[0], &greenlets[2]])? {
        println!("{} was ready", show(g?.value()));
    }
    Ok(())
}
