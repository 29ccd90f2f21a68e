//! The tasks of a queue: joined, done, done too often, given at the beginning, copied.

use gevent::queue::{BaseJoinableQueue, JoinableQueue, LifoQueue, PriorityQueue, Queue, Storage};
use gevent::{Exception, Greenlet, joinall, sleep, spawn};

use super::common::{TestResult, show};

fn join(who: &str, queue: &Queue<&'static str>, timeout: Option<f64>) -> TestResult {
    println!("{who}: {}", queue.join_timeout(timeout)?);
    Ok(())
}

fn done(queue: &Queue<&'static str>) {
    match queue.task_done() {
        Ok(()) => println!("done, {} left", queue.unfinished_tasks()),
        Err(error) => println!("{error}"),
    }
}

fn get_three<S: Storage>(queue: &BaseJoinableQueue<S>) -> Result<Vec<S::Item>, Exception> {
    (0..3).map(|_| queue.get()).collect()
}

/// One of the other types of queues, with these items and this maximal size.
fn orders<S: Storage<Item = i32> + Clone>(make: impl Fn(Option<usize>, &[i32]) -> BaseJoinableQueue<S>) -> TestResult {
    let queue = make(None, &[3, 1, 2]);
    let (unfinished, first) = (queue.unfinished_tasks(), queue.peek()?);
    let got = get_three(&queue)?;
    println!("{unfinished} {first} {got:?} {}", queue.unfinished_tasks());
    for i in [4, 0, 5] {
        queue.put(i)?;
    }
    println!("{} {:?}", queue.unfinished_tasks(), get_three(&queue)?);
    let copy = make(Some(7), &[9, 8]).copy();
    println!("{} {} {}", show(copy.maxsize()), copy.qsize(), copy.get()?);
    queue.shutdown(true);
    println!("{}", queue.unfinished_tasks());
    Ok(())
}

fn bounded<S: Storage<Item = i32>>(queue: BaseJoinableQueue<S>) -> TestResult {
    let putters = [2, 3, 1].map(|i| {
        let queue = queue.clone();
        spawn(move || queue.put(i))
    });
    sleep(0)?;
    let mut got = vec![queue.get()?];
    sleep(0)?;
    got.push(queue.get()?);
    joinall(&putters)?;
    got.push(queue.get()?);
    println!("{got:?}");
    Ok(())
}

fn together<S: Storage<Item = i32>>(queue: BaseJoinableQueue<S>) -> TestResult {
    let getters = [0, 1].map(|_| {
        let queue = queue.clone();
        spawn(move || queue.get())
    });
    sleep(0)?;
    for i in [2, 1, 3] {
        queue.put(i)?;
    }
    joinall(&getters)?;
    let got: Vec<_> = getters.iter().filter_map(Greenlet::value).collect();
    println!("{got:?} {}", queue.get()?);
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let queue = Queue::new();
    join("empty", &queue, None)?;
    done(&queue);
    queue.put("a")?;
    queue.put("b")?;
    join("two", &queue, Some(0.0))?;
    let joiners = [("join 1", None), ("join 2", None), ("join 3", Some(0.01))];
    let joiners = joiners.map(|(who, timeout)| {
        let queue = queue.clone();
        spawn(move || join(who, &queue, timeout))
    });
    joiners[2].join()?;
    println!("{} {}", queue.get()?, queue.get()?);
    join("got", &queue, Some(0.0))?;
    done(&queue);
    done(&queue);
    done(&queue);
    queue.put("c")?;
    println!("{} again", queue.unfinished_tasks());
    joinall(&joiners)?;
    join("three", &queue, Some(0.0))?;

    println!("given at the beginning");
    for tasks in [0, 0, 1, 5] {
        let queue = JoinableQueue::with_items(None, ["x", "y"]).with_unfinished_tasks(tasks);
        let copy = queue.copy();
        queue.get()?;
        println!(
            "{} unfinished, the copy has {} and {}",
            queue.unfinished_tasks(),
            copy.qsize(),
            copy.unfinished_tasks()
        );
        join("given", &queue, Some(0.0))?;
    }
    let queue = JoinableQueue::<i32>::new().with_unfinished_tasks(1);
    println!("{}", if queue.join_timeout(0)? { "True" } else { "False" });

    println!("other orders");
    orders(|maxsize, items| LifoQueue::with_items(maxsize, items.to_vec()))?;
    orders(|maxsize, items| PriorityQueue::with_items(maxsize, items.to_vec()))?;

    println!("bounded, with putters that wait");
    bounded(LifoQueue::with_maxsize(1))?;
    bounded(PriorityQueue::with_maxsize(1))?;

    println!("getters that wait, and items that come together");
    together(LifoQueue::new())?;
    together(PriorityQueue::new())?;
    together(Queue::new())?;
    Ok(())
}
