//! Pool.join returns whether the pool is empty; with raise_error it raises the error of a member that has failed.

use gevent::pool::Pool;
use gevent::sleep;

use super::common::{TestResult, ValueError, name, report_errors};

fn work(n: usize) -> TestResult {
    sleep(0)?;
    if n % 2 == 1 {
        return Err(ValueError(["", "1 is odd", "", "3 is odd"][n]).into());
    }
    println!("{n} is done");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let pool = Pool::new(2);

    for n in 0..4 {
        pool.spawn(move || work(n))?;
    }
    println!("join: {}", pool.join()?);
    for n in 0..4 {
        pool.spawn(move || work(n))?;
    }
    match pool.join_raise_error() {
        Err(error) if error.is::<ValueError>() => println!("{}: {error}, left: {}", name(&error), pool.len()),
        joined => drop(joined?),
    }
    println!("join: {}", pool.join()?);
    pool.spawn(|| sleep(100))?;
    println!("in no time: {}, left: {}", pool.join_timeout(0.001)?, pool.len());
    println!("nor with errors: {}", pool.join_raise_error_timeout(0.001)?);
    pool.kill()?;
    println!("killed: {}", pool.join_raise_error()?);
    Ok(())
}
