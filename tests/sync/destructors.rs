//! Tests that a destructor which panics does not keep others from being woken, called or ended.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;

use crate::support::{LONG, Reports, TestResult, bounded};
use gevent::event::{AsyncResult, Event};
use gevent::greenlet_core::unwind::{Caught, catch};
use gevent::lock::Semaphore;
use gevent::queue::{PriorityQueue, Queue};
use gevent::threadpool::ThreadPool;
use gevent::{Exception, Greenlet, joinall_timeout, killall, sleep, spawn, threadsafe};

/// Panics when it is dropped, unless something panics already.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Bad;

impl Drop for Bad {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("a destructor's")
        }
    }
}

impl gevent::Plain for Bad {}

/// A function whose capture panics when it is dropped.
fn bad<A: ?Sized>() -> impl Fn(&A) {
    let bad = Bad;
    move |_| {
        let _captured = &bad;
    }
}

fn panicked<R>(function: impl FnOnce() -> R) -> bool {
    matches!(catch(function), Err(Caught::Panic(_)))
}

#[test]
fn links_do_not_take_others_with_them() -> TestResult {
    let (_bounded, _reports) = (bounded(), Reports::new());
    let (event, semaphore, result) = (Event::new(), Semaphore::new(0), AsyncResult::new());
    let ends = spawn(|| sleep(0));
    for _ in 0..2 {
        event.rawlink(bad::<Event>());
        semaphore.rawlink(bad::<Semaphore>());
        result.rawlink(bad::<AsyncResult<i32>>());
        ends.rawlink(bad::<Greenlet<()>>());
        ends.link(bad::<Greenlet<()>>());
    }
    let waits = event.clone();
    let mut all = vec![spawn(move || waits.wait().map(drop))];
    let waits = semaphore.clone();
    all.push(spawn(move || waits.acquire().map(drop)));
    let waits = result.clone();
    all.push(spawn(move || waits.get().map(drop)));
    let waits = ends.clone();
    all.push(spawn(move || waits.join()));
    // A waiter comes while a round is under way.
    let waits = event.clone();
    event.rawlink(move |_| {
        let waits = waits.clone();
        drop(spawn(move || waits.wait()));
    });
    sleep(0)?;
    event.set();
    semaphore.release();
    result.set(5);
    assert_eq!(joinall_timeout(&all, LONG)?.len(), all.len());
    Ok(())
}

#[test]
fn links_without_a_hub_do_not_take_others_with_them() {
    let called = thread::spawn(|| {
        let (event, called) = (Event::new(), Rc::new(Cell::new(0)));
        event.rawlink(bad::<Event>());
        for _ in 0..2 {
            let called = called.clone();
            event.rawlink(move |_| called.set(called.get() + 1));
        }
        assert!(panicked(|| event.set()));
        called.get()
    });
    assert_eq!(called.join().unwrap(), 2);
}

#[test]
fn results_of_threads_do_not_take_others_with_them() -> TestResult {
    let (_bounded, _reports) = (bounded(), Reports::new());
    let pool = ThreadPool::new(2);
    let mut wanted = Vec::new();
    for i in 0..20 {
        drop(pool.spawn(|| Bad)?);
        wanted.push(pool.spawn(move || i)?);
    }
    for (i, result) in wanted.iter().enumerate() {
        assert_eq!(result.get()?, i);
    }
    pool.join()?;
    assert_eq!((pool.len(), pool.apply(|| 7)?), (0, 7));
    pool.kill()
}

#[test]
fn items_of_a_queue_do_not_hinder_its_shutdown() -> TestResult {
    let (_bounded, _reports) = (bounded(), Reports::new());
    macro_rules! try_queue {
        ($queue:expr) => {
            let queue = $queue;
            for _ in 0..3 {
                assert!(queue.put(Bad).is_ok());
            }
            let joins = queue.clone();
            let joiner = spawn(move || joins.join_timeout(LONG));
            sleep(0)?;
            assert!(panicked(|| queue.shutdown(true)));
            assert!(queue.is_shutdown() && queue.is_empty());
            assert_eq!(queue.unfinished_tasks(), 0);
            assert!(joiner.get()?);
        };
    }
    try_queue!(Queue::new());
    try_queue!(PriorityQueue::new());
    try_queue!(threadsafe::Queue::new());
    Ok(())
}

#[test]
fn functions_and_values_do_not_hinder_killall() -> TestResult {
    let (_bounded, _reports) = (bounded(), Reports::new());
    let captures = || {
        let bad = Bad;
        move || {
            let _captured = &bad;
        }
    };
    // Some of the greenlets have not begun, others wait with such a value on their stacks.
    let unrun: Vec<_> = (0..3).map(|_| spawn(captures())).collect();
    killall(&unrun)?;
    let ended = Rc::new(Cell::new(0));
    let run: Vec<_> = (0..3)
        .map(|_| {
            let ended = ended.clone();
            spawn(move || {
                let _bad = Bad;
                // The error is not returned: when a destructor panics, compiled code forgets a value that is being
                // returned.
                let _ = sleep(LONG);
                ended.set(ended.get() + 1);
            })
        })
        .collect();
    sleep(0)?;
    killall(&run)?;
    assert_eq!(ended.get(), 3);
    // There are no other handles of these greenlets.
    let ended = Rc::new(Cell::new(0));
    let last: Vec<_> = (0..3)
        .map(|_| {
            let ended = ended.clone();
            spawn(move || {
                let _ = sleep(LONG);
                ended.set(ended.get() + 1);
                Bad
            })
        })
        .collect();
    sleep(0)?;
    killall(last)?;
    assert_eq!(ended.get(), 3);
    Ok(())
}

#[test]
fn objects_of_an_iwait_are_all_unlinked() -> TestResult {
    /// An object with a destructor that panics.
    #[derive(Debug)]
    struct Object(Event, Bad);

    impl gevent::Linkable for Object {
        fn ready(&self) -> bool {
            self.0.ready()
        }
        fn rawlink(&self, link: gevent::Link) {
            gevent::Linkable::rawlink(&self.0, link);
        }
        fn unlink(&self, link: &gevent::Link) {
            gevent::Linkable::unlink(&self.0, link);
        }
    }

    let events = [Event::new(), Event::new(), Event::new()];
    let objects: Vec<_> = (events.iter()).map(|event| Object(event.clone(), Bad)).collect();
    let left = || -> Result<bool, Exception> {
        let mut iterator = gevent::iwait_timeout(objects, 0)?;
        Ok(iterator.next().is_none())
    };
    assert!(panicked(left));
    assert!(events.iter().all(|event| event.linkcount() == 0));
    Ok(())
}
