//! apply and apply_async, also with a full pool, and inside of a pool's greenlet.

use gevent::pool::Pool;
use gevent::{Exception, sleep};

use super::common::TestResult;

fn task(name: &str) -> Result<String, Exception> {
    println!("{name} begins");
    sleep(0)?;
    println!("{name} ends");
    Ok(name.to_uppercase())
}

fn outer(pool: &Pool) -> Result<String, Exception> {
    println!("outer begins");
    let inner = pool.apply(|| task("inner"))?;
    Ok(format!("outer with {inner}"))
}

pub(crate) fn main() -> TestResult {
    let pool = Pool::new(1);

    println!("{}", pool.apply(|| task("a"))?);
    let its = pool.clone();
    println!("{}", pool.apply(move || outer(&its))?);
    let mut gs = Vec::new();
    for name in ["b", "c", "d"] {
        gs.push(pool.apply_async_cb(move || task(name), |v| println!("callback {v}"))?);
    }
    println!("size {}", pool.len());
    println!("{} {} {}", gs[0].get()?, gs[1].get()?, gs[2].get()?);
    println!("{}", pool.apply_cb(|| task("e"), |v| println!("callback {v}"))?);
    sleep(0)
}
