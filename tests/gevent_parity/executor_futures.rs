//! Futures of an executor: results, errors, callbacks, and the end of the executor.

use std::sync::mpsc::channel;

use gevent::threadpool::{ExecutorShutDownError, Future, ThreadPoolExecutor};
use gevent::{TimeoutError, wait, wait_timeout};

use super::common::{TestResult, ValueError, name, report_errors};

fn fail() -> TestResult {
    Err(ValueError("on purpose").into())
}

fn told<T>(future: &Future<T>) {
    println!("told: done {}", future.done());
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let executor = ThreadPoolExecutor::new(2);
    let future = executor.submit(|| 7)?;
    let (result, exception) = (future.result()?, future.exception()?);
    println!(
        "{result} {} {} {}",
        exception.map_or("None".to_owned(), |exception| name(&exception)),
        future.done(),
        future.cancelled()
    );
    future.add_done_callback(told);
    println!("told at once");

    let (go_on, waits) = channel();
    let future = executor.submit(move || waits.recv().is_ok())?;
    println!("running {}, cancel {}", future.running(), future.cancel());
    match future.result_timeout(0.01) {
        Err(error) if error.is::<TimeoutError>() => println!("TimeoutError"),
        result => drop(result?),
    }
    match future.exception_timeout(0.01) {
        Err(error) if error.is::<TimeoutError>() => println!("TimeoutError"),
        exception => drop(exception?),
    }
    future.add_done_callback(told);
    future.add_done_callback(told);
    println!("waited for {}", wait_timeout([&future], 0.01)?.len());
    go_on.send(()).expect("the task is there");
    println!("waited for {}", wait([&future])?.len());
    println!("{}", future.result()?);

    let future = executor.submit(fail)?;
    if let Some(exception) = future.exception()? {
        println!("exception {}", name(&exception));
    }
    match future.result() {
        Err(error) if error.is::<ValueError>() => println!("ValueError {error}"),
        result => result?,
    }

    println!("{:?}", executor.map(|i| i * 2, 0..5)?.collect::<Result<Vec<_>, _>>()?);
    executor.shutdown(true)?;
    match executor.submit(fail) {
        Err(error) if error.is::<ExecutorShutDownError>() => println!("{error}"),
        submitted => drop(submitted?),
    }
    Ok(())
}
