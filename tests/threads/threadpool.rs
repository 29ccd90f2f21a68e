//! The counterpart of gevent's test__threadpool.py, with its names, and a stress test.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::support::{ExpectedError, LONG, Reports, TestResult, bounded, fail};
use gevent::socket::TcpListener;
use gevent::threadpool::{ExecutorShutDownError, HubExt, PoolSizeError, ThreadPool, ThreadPoolExecutor};
use gevent::{Exception, Timeout, get_hub, getcurrent, iwait_timeout, joinall, sleep, spawn, wait};

#[test]
fn test_greenlet_class() -> TestResult {
    // Threads have greenlets of their own.
    let here = thread::current().id();
    let (thread, main) = ThreadPool::new(1).apply(|| Ok((thread::current().id(), getcurrent().parent().is_none())))?;
    assert!(thread != here && main);
    Ok(())
}

#[test]
fn test_apply() -> TestResult {
    let pool = ThreadPool::new(3);
    assert_eq!(pool.apply(|| 5 * 5)?, 25);
    let told = Cell::new(0);
    assert_eq!(pool.apply_cb(|| 6, |value| told.set(*value))?, 6);
    assert_eq!(told.get(), 6);
    Ok(())
}

#[test]
fn test_apply_raises() -> TestResult {
    let reports = Reports::new();
    let pool = ThreadPool::new(1);
    // The exception is the same one, and not a copy.
    let exception = Exception::new(ExpectedError("once"));
    let its = exception.clone();
    let raised = pool.apply(move || Err::<(), _>(its)).unwrap_err();
    assert!(raised.same(&exception));
    reports.one_with("once");
    let panicked = pool.apply(|| -> () { panic!("in a thread") });
    assert!(panicked.unwrap_err().to_string().contains("in a thread"));
    reports.one_with("in a thread");
    // The thread has survived.
    assert_eq!((pool.apply(|| 1)?, pool.size()), (1, 1));
    Ok(())
}

#[test]
fn test_map() -> TestResult {
    let pool = ThreadPool::new(3);
    assert_eq!(
        pool.map(|x: i32| x * x, 0..10)?,
        (0..10).map(|x| x * x).collect::<Vec<_>>()
    );
    assert_eq!(pool.map(|x: i32| x * x, 0..100)?.len(), 100);
    assert!(pool.is_empty() && pool.size() <= 3);
    Ok(())
}

#[test]
fn test_async() -> TestResult {
    let pool = ThreadPool::new(1);
    let res = pool.apply_async(|| {
        thread::sleep(Duration::from_millis(5));
        7
    });
    assert!(!res.ready());
    assert_eq!(res.get()?, 7);
    Ok(())
}

#[test]
fn test_async_timeout() -> TestResult {
    let _bounded = bounded();
    let pool = ThreadPool::new(1);
    let (release, released) = channel::<()>();
    let result = pool.spawn(move || released.recv().is_ok())?;
    assert!(result.get_timeout(0.01).unwrap_err().is::<gevent::TimeoutError>());
    // The greenlet that waits is killed, and the thread goes on.
    let its = result.clone();
    let waiter = spawn(move || its.get());
    sleep(0)?;
    waiter.kill()?;
    release.send(()).unwrap();
    assert!(result.get()?);
    Ok(())
}

#[test]
fn imap_keeps_orders_and_bounds() -> TestResult {
    let pool = ThreadPool::new(3);
    let squares: Vec<i32> = pool.imap(|x: i32| x * x, 0..10).collect::<Result<_, _>>()?;
    assert_eq!(squares, (0..10).map(|x| x * x).collect::<Vec<_>>());
    let it = pool.imap_unordered_maxsize(|x: i32| x * x, 0..10, 2);
    let set: HashSet<i32> = it.collect::<Result<_, _>>()?;
    assert_eq!(set, squares.into_iter().collect());
    Ok(())
}

#[test]
fn sizes_at_their_limits() -> TestResult {
    let _bounded = bounded();
    let pool = ThreadPool::new(usize::MAX);
    assert_eq!((pool.apply(|| 7)?, pool.maxsize()), (7, usize::MAX));
    let it = pool.imap_maxsize(|i: i32| i, 0..3, usize::MAX);
    assert_eq!(it.collect::<Result<Vec<_>, _>>()?, [0, 1, 2]);
    for maxsize in [1, usize::MAX - 1, usize::MAX, 2, usize::MAX, 1] {
        pool.set_maxsize(maxsize)?;
        assert_eq!(pool.map(|i: i32| i, [1, 2])?, [1, 2]);
    }
    // The pool has as many places as any pool of this size: one more than threads.
    let (release, released) = channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    let wait_for = move || {
        let released = released.clone();
        move || released.lock().unwrap().recv().is_ok()
    };
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let task = Timeout::new(LONG).silent(|| pool.spawn(wait_for()))?;
        tasks.push(task.expect("has places"));
    }
    assert!(Timeout::new(0.01).silent(|| pool.spawn(|| ()))?.is_none());
    drop(release);
    for task in tasks {
        assert!(!task.get()?);
    }
    let executor = ThreadPoolExecutor::new(usize::MAX);
    assert_eq!(executor.submit(|| 8)?.result_timeout(LONG)?, 8);
    executor.shutdown(true)?;
    pool.kill()
}

#[test]
fn no_task_begins_after_an_imap_is_dropped() -> TestResult {
    let _bounded = bounded();
    for (unordered, maxsize) in [(false, None), (true, None), (false, Some(3)), (true, Some(3))] {
        let pool = ThreadPool::new(2);
        let (counts, (release, released)) = (Arc::new(AtomicUsize::new(0)), channel::<()>());
        let (counted, released) = (counts.clone(), std::sync::Mutex::new(released));
        let task = move |i: usize| {
            counted.fetch_add(1, Ordering::Relaxed);
            // The first tasks end by themselves, the others when the test is over.
            if i >= 3 {
                let _ = released.lock().unwrap().recv();
            }
            i
        };
        let starter = if unordered {
            let mut it = pool.imap_unordered_maxsize(task, 0.., maxsize);
            assert_eq!(it.by_ref().take(3).count(), 3);
            it.greenlet().clone()
        } else {
            let mut it = pool.imap_maxsize(task, 0.., maxsize);
            assert_eq!(it.by_ref().take(3).count(), 3);
            it.greenlet().clone()
        };
        drop(release);
        starter.join_timeout(LONG)?;
        assert!(starter.ready());
        pool.join()?;
        let count = counts.load(Ordering::Relaxed);
        sleep(0.001)?;
        assert!(pool.is_empty() && counts.load(Ordering::Relaxed) == count);
        assert_eq!(pool.apply(|| 7)?, 7);
    }
    Ok(())
}

#[test]
fn spawn_waits_when_all_are_busy() -> TestResult {
    // After one more task than there are threads, spawn waits.
    let _bounded = bounded();
    let pool = ThreadPool::new(2);
    let (release, released) = channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    let mut results = Vec::new();
    for _ in 0..3 {
        let released = released.clone();
        results.push(pool.spawn(move || released.lock().unwrap().recv().is_ok())?);
    }
    assert_eq!((pool.len(), pool.size()), (3, 2));
    let refused = Timeout::new(0.01).silent(|| pool.spawn(|| ()))?;
    assert!(refused.is_none());
    assert_eq!(pool.len(), 3);
    for _ in 0..3 {
        release.send(()).unwrap();
    }
    wait(&results)?;
    pool.spawn(|| ())?.get()?;
    pool.join()?;
    assert!(pool.is_empty());
    Ok(())
}

#[test]
fn sizes_grow_and_shrink() -> TestResult {
    // When the size is made smaller, threads end, and places with them.
    let _bounded = bounded();
    let pool = ThreadPool::new(4);
    pool.set_size(4)?;
    assert_eq!(pool.size(), 4);
    pool.set_maxsize(1)?;
    while pool.size() > 1 {
        sleep(0.001)?;
    }
    assert_eq!((pool.apply(|| 1)?, pool.maxsize()), (1, 1));
    let error = pool.set_size(2).unwrap_err();
    assert!(error.is::<PoolSizeError>());
    pool.set_maxsize(3)?;
    pool.set_size(3)?;
    pool.set_size(0)?;
    assert_eq!((pool.size(), pool.apply(|| 2)?), (0, 2));
    Ok(())
}

#[test]
fn join_waits_for_all_tasks() -> TestResult {
    let pool = ThreadPool::new(1);
    pool.join()?;
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..10 {
        let done = done.clone();
        pool.spawn(move || {
            thread::sleep(Duration::from_millis(1));
            done.fetch_add(1, Ordering::Relaxed);
        })?;
    }
    pool.join()?;
    assert_eq!(done.load(Ordering::Relaxed), 10);
    Ok(())
}

#[test]
fn kill_ends_threads_after_their_tasks() -> TestResult {
    let _bounded = bounded();
    let pool = ThreadPool::new(3);
    let results: Result<Vec<_>, _> = (0..3)
        .map(|i| {
            pool.spawn(move || {
                thread::sleep(Duration::from_millis(2));
                i
            })
        })
        .collect();
    pool.kill()?; // after what it was given
    assert_eq!(pool.size(), 0);
    let values: Result<Vec<i32>, _> = results?.iter().map(|result| result.get()).collect();
    assert_eq!(values?, [0, 1, 2]);
    ThreadPool::new(1).kill()
}

/// Numbers that could stand for "no limit" are refused.
#[test]
fn the_largest_numbers() -> TestResult {
    let _bounded = bounded();
    // This is longer than any clock runs.
    let pool = ThreadPool::with_idle_timeout(1, 1e19)?;
    assert_eq!(pool.apply(|| 1)?, 1);
    let pool = ThreadPool::new(usize::MAX);
    assert_eq!(pool.apply(|| 2)?, 2);
    pool.set_maxsize(1)?;
    assert_eq!(pool.apply(|| 3)?, 3);
    for maxsize in [usize::MAX, 2, usize::MAX - 1, 1, usize::MAX] {
        pool.set_maxsize(maxsize)?;
        let results: Result<Vec<_>, _> = (0..3).map(|i| pool.spawn(move || i)).collect();
        for (i, result) in results?.into_iter().enumerate() {
            assert_eq!(result.get()?, i);
        }
    }
    pool.kill()
}

#[test]
fn idle_threads_end() -> TestResult {
    let _bounded = bounded();
    let pool = ThreadPool::with_idle_timeout(3, 0.005)?;
    pool.map(|_: i32| thread::sleep(Duration::from_millis(1)), 0..6)?;
    let (go_on, told) = channel();
    let busy = pool.spawn(move || told.recv().is_ok())?;
    assert!(pool.size() > 0);
    go_on.send(()).expect("is waited for");
    assert!(busy.get()?);
    while pool.size() > 0 {
        sleep(0.001)?;
    }
    assert_eq!(pool.apply(|| 3)?, 3);
    Ok(())
}

/// A pool that is dropped still delivers the results of its tasks, and its threads end.
#[test]
fn a_dropped_pool_delivers() -> TestResult {
    let _bounded = bounded();
    let alive = Arc::new(());
    let result = {
        let pool = ThreadPool::new(1);
        let its = alive.clone();
        pool.spawn(move || {
            thread::sleep(Duration::from_millis(2));
            drop(its);
            5
        })?
    };
    assert_eq!(result.get()?, 5);
    assert_eq!(Arc::strong_count(&alive), 1);
    Ok(())
}

#[test]
fn results_are_not_kept() -> TestResult {
    // The value of a task is dropped with its result, and not kept by the threads.
    let _bounded = bounded();
    let pool = ThreadPool::new(1);
    let value = Arc::new(());
    let its = value.clone();
    let result = pool.spawn(move || Ok(its))?;
    drop(result.get()?);
    drop(result);
    // The hub is just waking this greenlet, and the thread may be about to drop its handle.
    while Arc::strong_count(&value) > 1 {
        sleep(0.001)?;
    }
    Ok(())
}

#[test]
fn test_future_wait_gevent_function() -> TestResult {
    let pool = ThreadPool::new(2);
    let results: Result<Vec<_>, _> = (0..4).map(|i| pool.spawn(move || i)).collect();
    let mut values = Vec::new();
    for result in iwait_timeout(results?, LONG)? {
        values.push(result?.get()?);
    }
    values.sort_unstable();
    assert_eq!(values, [0, 1, 2, 3]);
    Ok(())
}

/// Tasks may use a hub of their thread, and several hubs may use pools at once.
#[test]
fn threads_may_have_hubs() -> TestResult {
    let pool = ThreadPool::new(2);
    let value = pool.apply(|| {
        sleep(0.001)?; // a hub of the thread's own
        get_hub().threadpool().apply(|| 4)
    })?;
    assert_eq!(value, 4);
    let threads: Vec<_> = (0..4)
        .map(|i| thread::spawn(move || get_hub().threadpool().apply(move || i)))
        .collect();
    for (i, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap()?, i);
    }
    Ok(())
}

/// Greenlets that tasks leave parked in their threads are unwound when the threads end.
#[test]
fn threads_that_end_unwind_their_greenlets() -> TestResult {
    let _bounded = bounded();
    let (held, dropped) = channel::<()>();
    let pool = ThreadPool::new(1);
    pool.apply(move || {
        spawn(move || {
            let _held = held;
            sleep(LONG)
        });
        sleep(0)
    })?;
    drop(pool);
    // The receive fails when the sender is dropped.
    assert!(dropped.recv().is_err());
    Ok(())
}

#[test]
fn the_hub_has_a_pool_and_names_do_not_use_it() -> TestResult {
    let pool = get_hub().threadpool();
    assert_eq!((pool.maxsize(), &pool), (10, &get_hub().threadpool()));
    // Names are looked up in other threads, so they do not wait for this task.
    TcpListener::bind("localhost:0")?;
    let resolver = get_hub().resolver_threadpool();
    assert_eq!((pool.size(), resolver.size()), (0, 1));
    let other = ThreadPool::new(1);
    get_hub().set_resolver_threadpool(other.clone());
    TcpListener::bind("localhost:0")?;
    assert_eq!((other.size(), resolver.size(), pool.size()), (1, 1, 0));
    Ok(())
}

#[test]
fn test_future() -> TestResult {
    let _reports = Reports::new();
    let executor = ThreadPoolExecutor::new(2);
    let future = executor.submit(|| "value")?;
    let called = Rc::new(Cell::new(0));
    let its = called.clone();
    future.add_done_callback(move |_| its.set(its.get() + 1));
    assert!(future.running() && !future.cancel());
    assert_eq!(future.result_timeout(LONG)?, "value");
    sleep(0)?;
    let its = called.clone();
    future.add_done_callback(move |_| its.set(its.get() + 1));
    assert_eq!(called.get(), 2);
    assert!(future.done() && future.exception()?.is_none());

    let failed = executor.submit(|| fail::<()>("future"))?;
    assert!(failed.exception()?.unwrap().is::<ExpectedError>());
    assert!(failed.result().unwrap_err().is::<ExpectedError>());
    let values: Vec<i32> = executor.map(|x: i32| x + 1, 0..3)?.collect::<Result<_, _>>()?;
    assert_eq!(values, [1, 2, 3]);
    executor.shutdown(true)?;
    let refused = executor.submit(|| ()).unwrap_err();
    assert!(refused.is::<ExecutorShutDownError>());
    executor.shutdown(true)
}

/// The end of a thread must not disturb the loop of another one.
#[test]
fn threads_with_hubs_end_again_and_again() -> TestResult {
    let pool = ThreadPool::new(1);
    for _ in 0..20 {
        assert_eq!(pool.apply(|| sleep(0).map(|()| 1))?, 1);
        pool.kill()?;
    }
    Ok(())
}

#[test]
fn stress() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    let pool = ThreadPool::with_idle_timeout(4, 0.0005)?;
    let ran = Arc::new(AtomicUsize::new(0));
    let users: Vec<_> = (0..20_usize)
        .map(|user| {
            let (pool, ran) = (pool.clone(), ran.clone());
            spawn(move || {
                let mut sum = 0;
                for i in 0..50_usize {
                    let ran = ran.clone();
                    let task = move || {
                        ran.fetch_add(1, Ordering::Relaxed);
                        match (user + i) % 7 {
                            0 => fail("now and then")?,
                            1 => panic!("at times"),
                            2 => thread::sleep(Duration::from_micros(50)),
                            _ => {}
                        }
                        Ok(i)
                    };
                    match Timeout::new(0.002).silent(|| pool.apply(task)) {
                        Ok(value) => sum += value.unwrap_or(i),
                        Err(_) => sum += i,
                    }
                }
                Ok(sum)
            })
        })
        .collect();
    let its = pool.clone();
    let meddler = spawn(move || {
        for i in 0..20 {
            its.set_maxsize(1 + i % 4)?;
            sleep(0.001)?;
            if i % 5 == 0 {
                its.kill()?;
            }
        }
        its.set_maxsize(4)
    });
    joinall(&users)?;
    for user in users {
        assert_eq!(user.get()?, 49 * 50 / 2);
    }
    meddler.get()?;
    pool.join()?;
    assert!(pool.is_empty() && pool.size() <= 4);
    assert!(ran.load(Ordering::Relaxed) > 0);
    pool.kill()?;
    assert_eq!(pool.size(), 0);
    Ok(())
}
