//! A JoinableQueue of tasks and a queue of results: join waits until each task is done, also those that tasks add.

use gevent::exceptions::TaskDoneError;
use gevent::queue::{JoinableQueue, Queue};
use gevent::{killall, sleep, spawn};

use super::common::TestResult;

fn worker(tasks: &JoinableQueue<i32>, results: &Queue<Option<i32>>) -> TestResult {
    for task in tasks {
        let task = task?;
        if task > 3 {
            tasks.put(task / 2)?;
        }
        let done = sleep(0).and_then(|()| results.put(Some(task)));
        tasks.task_done()?;
        done?;
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let (tasks, results) = (JoinableQueue::new(), Queue::new());
    let workers = [(); 2].map(|()| {
        let (tasks, results) = (tasks.clone(), results.clone());
        spawn(move || worker(&tasks, &results))
    });
    for task in [1, 9, 2, 4] {
        tasks.put(task)?;
    }
    println!("unfinished: {}", tasks.unfinished_tasks());
    println!("join: {}, unfinished: {}", tasks.join()?, tasks.unfinished_tasks());
    results.put(None)?;
    let mut done: Vec<_> = results.until_none().collect::<Result<_, _>>()?;
    done.sort();
    println!("done: {done:?}");
    if let Err(TaskDoneError) = tasks.task_done() {
        println!("nothing to be done");
    }
    killall(&workers)?;
    println!("{}", workers.each_ref().map(|g| g.dead().to_string()).join(" "));
    Ok(())
}
