//! A pool of workers that take jobs from a queue; a job that has failed is tried again, three times at most.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gevent::pool::Pool;
use gevent::queue::Queue;
use gevent::{Exception, sleep};

use super::common::{TestResult, show};

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Flaky(String);

fn fetch(name: &str, attempt: usize) -> Result<String, Exception> {
    sleep(0)?;
    if name.len() > attempt {
        return Err(Flaky(format!("{name} fails at attempt {attempt}")).into());
    }
    Ok(name.to_uppercase())
}

type Results = RefCell<BTreeMap<&'static str, Option<String>>>;

fn worker(number: usize, jobs: &Queue<(&'static str, usize)>, results: &Results) -> Result<usize, Exception> {
    let mut done = 0;
    while let Ok((name, attempt)) = jobs.get_nowait() {
        match fetch(name, attempt) {
            Ok(result) => {
                results.borrow_mut().insert(name, Some(result));
                done += 1;
            }
            Err(error) if error.is::<Flaky>() => {
                println!("{number}: {error}");
                if attempt < 3 {
                    jobs.put((name, attempt + 1))?;
                } else {
                    results.borrow_mut().insert(name, None);
                }
            }
            Err(other) => return Err(other),
        }
    }
    Ok(done)
}

pub(crate) fn main() -> TestResult {
    let jobs = Queue::new();
    let results = Rc::new(Results::default());

    for name in ["a", "bb", "ccc", "dddd"] {
        jobs.put((name, 1))?;
    }
    let pool = Pool::new(2);
    let mut workers = Vec::new();
    for number in 0..2 {
        let (jobs, results) = (jobs.clone(), results.clone());
        workers.push(pool.spawn(move || worker(number, &jobs, &results))?);
    }
    pool.join_raise_error()?;
    println!(
        "done by the workers: {:?}",
        workers.iter().filter_map(|w| w.value()).collect::<Vec<_>>()
    );
    for (name, result) in results.borrow().iter() {
        println!("{name}: {}", show(result.as_ref()));
    }
    Ok(())
}
