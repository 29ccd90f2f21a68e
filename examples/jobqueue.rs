//! A queue of jobs for a few workers: each job gives a result or its last error, and its submitter waits for it.

use std::cell::{Cell, RefCell};
use std::{collections::HashMap, rc::Rc};

use gevent::{event::AsyncResult, prelude::*, queue::JoinableQueue};

const TRIES: u32 = 3;

type Function = Rc<dyn Fn(u64) -> Result<u64, Exception>>;

#[derive(Clone, Default)]
struct JobQueue {
    jobs: JoinableQueue<(Function, u64, AsyncResult<u64>, u32)>,
    attempts: Rc<Cell<usize>>,
}

impl JobQueue {
    fn start(&self, workers: usize) -> Vec<Greenlet<()>> {
        let queues = vec![self.clone(); workers];
        queues.into_iter().map(|queue| spawn(move || queue.work())).collect()
    }

    fn submit(&self, function: &Function, n: u64) -> Result<AsyncResult<u64>, Exception> {
        let result = AsyncResult::new();
        self.jobs.put((function.clone(), n, result.clone(), 1))?;
        Ok(result)
    }

    fn work(&self) -> Result<(), Exception> {
        loop {
            let (function, n, result, attempt) = self.jobs.get()?;
            self.attempts.update(|attempts| attempts + 1);
            match function(n) {
                Ok(value) => result.set(value),
                Err(error) if error.is_exit() => return Err(error),
                Err(error) if attempt < TRIES => {
                    println!("attempt {attempt} of {n} failed: {error}");
                    self.jobs.put((function, n, result, attempt + 1))?;
                }
                Err(error) => result.set_exception(error),
            }
            self.jobs.task_done()?;
        }
    }
}

fn square(n: u64) -> Result<u64, Exception> {
    sleep(0.01 * n as f64)?;
    Ok(n * n)
}

fn flaky() -> Function {
    let calls = RefCell::new(HashMap::new());
    Rc::new(move |n| {
        let call = *calls.borrow_mut().entry(n).and_modify(|call| *call += 1).or_insert(1);
        if call < n {
            Err(Exception::msg(format!("{n} is not ready")))
        } else {
            Ok(n)
        }
    })
}

fn main() -> Result<(), Exception> {
    let queue = JobQueue::default();
    let workers = queue.start(2);
    let (square, flaky): (Function, _) = (Rc::new(square), flaky());
    let squares = [0, 1, 2, 3].map(|n| queue.submit(&square, n));
    let results = [1, 3, 9].map(|n| queue.submit(&flaky, n));
    let squares: Result<Vec<_>, _> = squares.into_iter().map(|result| result?.get()).collect();
    println!("squares {:?}", squares?);
    for result in results {
        match result?.get_timeout(5) {
            Ok(value) => println!("got {value}"),
            Err(error) => println!("failed: {error}"),
        }
    }
    queue.jobs.join()?;
    killall(&workers)?;
    println!("{} attempts", queue.attempts.get());
    Ok(())
}
