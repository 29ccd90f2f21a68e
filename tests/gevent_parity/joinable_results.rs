//! A JoinableQueue of tasks and a queue of results: join waits until each task is done, also those that tasks add.

use gevent::exceptions::TaskDoneError;
use gevent::queue::{JoinableQueue, Queue};
use gevent::{killall, sleep, spawn};

use super::common::TestResult;

fn worker(label: &'static str, tasks: &JoinableQueue<i32>, results: &Queue<Option<(&'static str, i32)>>) -> TestResult {
    for task in tasks {
        let task = task?;
        if task > 3 {
            tasks.put(task / 2)?;
        }
        let done = sleep(0).and_then(|()| results.put(Some((label, task))));
        tasks.task_done()?;
        done?;
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let (tasks, results) = (JoinableQueue::new(), Queue::new());
    let workers = ["a", "b"].map(|label| {
        let (tasks, results) = (tasks.clone(), results.clone());
        spawn(move || worker(label, &tasks, &results))
    });
    for task in [1, 9, 2, 4] {
        tasks.put(task)?;
    }
    println!("unfinished: {}", tasks.unfinished_tasks());
    println!("join: {}, unfinished: {}", tasks.join()?, tasks.unfinished_tasks());
    results.put(None)?;
    for result in results.until_none() {
        let (label, task) = result?;
        println!("{label} has done {task}");
    }
    if let Err(TaskDoneError) = tasks.task_done() {
        println!("nothing to be done");
    }
    killall(&workers)?;
    println!("{}", workers.each_ref().map(|g| g.dead().to_string()).join(" "));
    Ok(())
}
