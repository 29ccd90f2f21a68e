//! joinall returns the greenlets themselves, in the order in which they ended; their values are read from them.

use gevent::{Exception, JoinAll, joinall, joinall_timeout, joinall_with, sleep, spawn};

use super::common::{TestResult, ValueError, name, report_errors};

fn square(n: i32, turns: i32) -> Result<i32, Exception> {
    for _ in 0..turns {
        sleep(0)?;
    }
    Ok(n * n)
}

fn fails(turns: i32) -> Result<i32, Exception> {
    for _ in 0..turns {
        sleep(0)?;
    }
    Err(ValueError("no square").into())
}

pub(crate) fn main() -> TestResult {
    report_errors();

    let done = joinall([(1, 3), (2, 1), (3, 2)].map(|(n, turns)| spawn(move || square(n, turns))))?;
    println!("{:?}", done.iter().filter_map(|g| g.value()).collect::<Vec<_>>());
    let one = JoinAll::default().count(1);
    let first = joinall_with([spawn(|| square(4, 100)), spawn(|| square(5, 1))], one)?;
    println!("{}", first[0].get()?);

    let raise_error = JoinAll::default().raise_error();
    let jobs = [spawn(|| square(6, 1)), spawn(|| fails(2)), spawn(|| square(7, 3))];
    match joinall_with(&jobs, raise_error) {
        Ok(done) => println!("{}", done.iter().filter_map(|g| g.value()).sum::<i32>()),
        Err(error) if error.is::<ValueError>() => println!("{}: {error}", name(&error)),
        Err(other) => return Err(other),
    }
    println!(
        "{:?}",
        joinall(&jobs)?.iter().filter_map(|g| g.value()).collect::<Vec<_>>()
    );
    let done = joinall_with((0..4).map(|n| spawn(move || square(n, n))), raise_error)?;
    println!("{}", done.iter().filter_map(|g| g.value()).sum::<i32>());
    println!("{}", joinall_timeout([spawn(|| sleep(100))], 0.001)?.len());
    Ok(())
}
