//! Functions run by threads: values, errors, order.

use gevent::hub::ExceptionStream;
use gevent::threadpool::ThreadPool;
use gevent::{Exception, get_hub};

use super::common::{TestResult, ValueError, name};

fn fail() -> Result<(), Exception> {
    Err(ValueError("oh").into())
}

fn show(values: &[i32]) {
    let values: Vec<_> = values.iter().map(i32::to_string).collect();
    println!("{}", values.join(" "));
}

pub(crate) fn main() -> TestResult {
    // The contexts of these errors are printed differently here.
    get_hub().set_exception_stream(ExceptionStream::Discard);
    let pool = ThreadPool::new(1);

    println!("size {}, maxsize {}", pool.size(), pool.maxsize());
    println!("{}", pool.apply(|| 6 * 7)?);
    println!("size {}", pool.size());
    let mut results = Vec::new();
    for i in 0..4 {
        results.push(pool.spawn(move || i * i)?);
    }
    let values: Result<Vec<i32>, _> = results.iter().map(|result| result.get()).collect();
    show(&values?);
    match pool.apply(fail) {
        Err(e) if e.is::<ValueError>() => println!("{} {e}", name(&e)),
        applied => applied?,
    }
    let result = pool.spawn(fail)?;
    result.wait()?;
    if let Some(exception) = result.exception() {
        println!("successful {}, {}", result.successful(), name(&exception));
    }
    show(&pool.map(|i| i + 1, 0..4)?);
    show(&pool.imap(|i| i + 1, 0..4).collect::<Result<Vec<_>, _>>()?);
    let mut values = pool.imap_unordered(|i| i + 1, 0..4).collect::<Result<Vec<_>, _>>()?;
    values.sort_unstable();
    show(&values);
    pool.join()?;
    println!("tasks {}", pool.len());
    pool.kill()?;
    println!("size {}", pool.size());
    println!("{}", pool.apply(|| "again")?);
    Ok(())
}
