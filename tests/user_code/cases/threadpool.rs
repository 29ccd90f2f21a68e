//! Thread pools.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{LONG, TestResult};
use crate::trap::{Case, Code, Trap, Value, ok};
use gevent::event::Event;
use gevent::threadpool::{Future, ThreadPool, ThreadPoolExecutor};
use gevent::{Exception, get_hub, sleep, spawn};

fn others(pool: &ThreadPool) {
    let _ = (pool.len(), pool.is_empty(), pool.size(), pool.maxsize());
    let _ = format!("{pool:?}");
    drop(pool.apply_async(|| 1));
}

fn waits(pool: &ThreadPool) -> TestResult {
    pool.join()
}

fn after(pool: &ThreadPool) {
    assert_eq!(pool.apply(|| 5).expect("it works"), 5);
    let all = pool.map(|i| i * 2, [1, 2, 3]).expect("it works");
    assert_eq!(all, [2, 4, 6]);
    pool.join().expect("nobody kills the test");
    pool.kill().expect("nobody kills the test");
    assert!(pool.is_empty() && pool.size() == 0);
}

pub(super) fn run(names: &'static [&'static str], calls: Vec<fn(&ThreadPool, Trap) -> TestResult>) {
    Case {
        names,
        make: |_| ThreadPool::new(2),
        calls,
        others,
        waits: Some(waits),
        after,
    }
    .run();
}

#[test]
fn functions_of_tasks() {
    run(
        &["threadpool::ThreadPool::{apply, apply_async, apply_async_cb, apply_cb, spawn} | FnOnce"],
        vec![
            |pool, trap| pool.apply(move || trap.spring()),
            |pool, trap| pool.apply_async(move || trap.spring()).join(),
            |pool, trap| pool.spawn(move || trap.spring())?.get(),
            |pool, trap| pool.apply_cb(move || trap.spring(), |()| ()),
            |pool, trap| pool.apply_cb(|| (), |()| trap.spring()),
            |pool, trap| pool.apply_async_cb(|| (), move |()| trap.spring()).join(),
        ],
    );
}

fn items(trap: Trap) -> impl Iterator<Item = i32> {
    (0..5).inspect(move |i| {
        if *i == 2 {
            trap.spring();
        }
    })
}

#[test]
fn results() {
    run(
        &["threadpool::Future::drop | Drop"],
        vec![
            |pool, trap| {
                // Nobody wants it: it is dropped as it arrives, in the hub.
                drop(pool.spawn(move || Value::trapped(7, Code::Drop, trap))?);
                pool.join()
            },
            |pool, trap| {
                let its = pool.clone();
                let waiter = spawn(move || its.apply(move || Value::trapped(7, Code::Drop, trap)));
                sleep(0)?;
                waiter.kill()?;
                drop(waiter);
                pool.join()
            },
            |pool, trap| {
                let result = pool.spawn(|| {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                    7
                })?;
                // Others are delivered, whoever panics.
                let value = Value::trapped(7, Code::Drop, trap);
                drop(pool.spawn(move || value)?);
                assert_eq!(result.get()?, 7);
                pool.join()
            },
        ],
    );
    type Executor = (ThreadPoolExecutor, Event);
    Case {
        names: &[
            "threadpool::Future::{exception, exception_timeout, result, result_timeout} | Clone",
            "threadpool::Future::add_done_callback | Fn",
            "threadpool::ThreadPoolExecutor::map | Fn",
            "threadpool::ThreadPoolExecutor::map | Iterator",
            "threadpool::ThreadPoolExecutor::submit | FnOnce",
        ],
        make: |_| -> Executor { (ThreadPoolExecutor::new(2), Event::new()) },
        calls: vec![
            |(executor, _), trap| {
                let future = executor.submit(move || Value::trapped(7, Code::Clone, trap))?;
                future.result_timeout(LONG).map(drop)
            },
            |(executor, _), trap| {
                let future = executor.submit(move || Value::trapped(7, Code::Clone, trap))?;
                future.exception_timeout(LONG).map(drop)
            },
            |(executor, _), trap| {
                let future = executor.submit(move || Value::trapped(7, Code::Clone, trap))?;
                future.result().map(drop)
            },
            |(executor, _), trap| {
                let future = executor.submit(move || Value::trapped(7, Code::Clone, trap))?;
                future.exception().map(drop)
            },
            |(executor, called), trap| {
                let future = executor.submit(|| 7)?;
                future.add_done_callback(move |_: &Future<i32>| trap.spring());
                let its = called.clone();
                future.add_done_callback(move |_| its.set());
                called.wait_timeout(LONG).map(drop)
            },
            |(executor, called), trap| {
                let future = executor.submit(|| 7)?;
                future.result_timeout(LONG)?;
                // At once.
                future.add_done_callback(move |_: &Future<i32>| trap.spring());
                let its = called.clone();
                future.add_done_callback(move |_| its.set());
                assert!(called.is_set());
                Ok(())
            },
            |(executor, _), trap| {
                let values = executor.map(move |_| trap.spring(), 0..5)?;
                ok(values.count())
            },
            |(executor, _), trap| {
                let values = executor.map(|_| (), items(trap))?;
                ok(values.count())
            },
            |(executor, _), trap| executor.submit(move || trap.spring())?.result_timeout(LONG),
        ],
        others: |(executor, _)| {
            let _ = format!("{executor:?}");
            drop(executor.submit(|| 1));
        },
        waits: Some(|(_, called)| called.wait_timeout(LONG).map(drop)),
        after: |(executor, called)| {
            called.set();
            let future = executor.submit(|| 5).expect("it works");
            assert_eq!(future.result_timeout(LONG).expect("it works"), 5);
            executor.shutdown(true).expect("nobody kills the test");
        },
    }
    .run();
}

/// Whoever is told of a failure panics: the result arrives all the same.
#[test]
fn results_arrive_though_the_error_handler_panics() -> TestResult {
    let _bounded = crate::support::bounded();
    let hub = get_hub();
    hub.set_error_handler(Some(std::rc::Rc::new(|_: gevent::Context<'_>, _: Exception| {
        panic!("in the error handler")
    })));
    let pool = ThreadPool::new(1);
    let fails = pool.spawn(|| -> TestResult { Err(Exception::msg("on purpose")) })?;
    let good = pool.spawn(|| 7)?;
    assert_eq!(fails.get().expect_err("it fails").to_string(), "on purpose");
    assert_eq!(good.get()?, 7);
    hub.set_error_handler(None);
    pool.kill()
}

#[test]
fn a_map_whose_caller_is_killed_starts_nothing_more() -> TestResult {
    let _bounded = crate::support::bounded();
    let pool = ThreadPool::new(1);
    let begun = Arc::new(AtomicUsize::new(0));
    let (count, its) = (begun.clone(), pool.clone());
    let task = move |_: i32| {
        count.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    let caller = spawn(move || its.map(task, 0..1_000_000).map(drop));
    while begun.load(Ordering::SeqCst) == 0 {
        sleep(0)?;
    }
    caller.kill()?;
    // The one that runs, and what was queued, which does not begin.
    pool.join()?;
    let before = begun.load(Ordering::SeqCst);
    assert!(before < 1_000_000);
    for _ in 0..100 {
        sleep(0)?;
    }
    pool.kill()?;
    assert_eq!(begun.load(Ordering::SeqCst), before);
    Ok(())
}
