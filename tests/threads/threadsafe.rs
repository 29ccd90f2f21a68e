//! The counterpart of the tests with several threads in gevent's test__event, test__semaphore and test__lock, written
//! anew, and stress tests: no permit or item may be lost or given twice, and no waiter forgotten.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::support::{
    ExpectedError, TestResult, bounded, fail, near, outer_timeout_is_not_lost, returns_after_timeout,
};
use gevent::exceptions::OverReleaseError;
use gevent::queue::{Empty, PutError, ShutDown};
use gevent::threadsafe::{AsyncResult, BoundedSemaphore, Event, Queue, Semaphore};
use gevent::{Exception, Kill, Timeout, TimeoutError, get_hub, joinall, sleep, spawn};
use hub::get_hub_if_exists;

fn send_and_sync<T: Send + Sync>() {}

#[test]
fn test_any_thread_may_use_them() {
    send_and_sync::<Event>();
    send_and_sync::<AsyncResult<String>>();
    send_and_sync::<Semaphore>();
    send_and_sync::<BoundedSemaphore>();
    send_and_sync::<Queue<String>>();
}

/// A kill that comes soon.
fn soon() -> Kill {
    Kill::default().nonblocking()
}

/// gevent's TestAsyncResultCrossThread and TestEventCrossThread, and its issue 1739: the thread that waits has other
/// greenlets at work, or waits in one of several, or has no hub at all.
mod cross_thread {
    use super::*;

    #[derive(Clone, Copy)]
    enum Waits {
        Main,
        InGreenlet,
        WithoutHub,
    }

    fn cross_thread<W: Send + 'static>(
        waits: Waits,
        wait: impl Fn() -> Result<W, Exception> + Clone + Send + 'static,
        set: impl FnOnce(),
    ) -> Result<W, Exception> {
        let _bounded = bounded();
        let running = Arc::new(Barrier::new(2));
        let thread = thread::spawn({
            let running = running.clone();
            move || -> Result<W, Exception> {
                if let Waits::WithoutHub = waits {
                    running.wait();
                    let got = wait();
                    assert!(get_hub_if_exists().is_none());
                    return got;
                }
                let spins = spawn(|| {
                    for _ in 0.. {
                        sleep(0.001)?;
                    }
                    Ok(())
                });
                let got = match waits {
                    Waits::InGreenlet => {
                        let waiter = spawn(move || {
                            running.wait();
                            wait()
                        });
                        waiter.join()?;
                        waiter.take().ok_or_else(|| Exception::msg("it failed"))
                    }
                    _ => {
                        running.wait();
                        wait()
                    }
                };
                spins.kill()?;
                get_hub().destroy(true)?;
                got
            }
        });
        running.wait();
        thread::sleep(Duration::from_millis(2));
        set();
        thread.join().expect("does not panic")
    }

    const ALL: [Waits; 3] = [Waits::Main, Waits::InGreenlet, Waits::WithoutHub];

    #[test]
    fn test_cross_thread_use() -> TestResult {
        for waits in ALL {
            let result = AsyncResult::new();
            let r = result.clone();
            let got = cross_thread(waits, move || r.get(), || result.set("from main"))?;
            assert_eq!(got, "from main");
            let (event, e) = (Event::new(), Event::new());
            drop(e);
            let e = event.clone();
            assert!(cross_thread(waits, move || e.wait(), || event.set())?);
        }
        Ok(())
    }

    #[test]
    fn test_cross_thread_use_timed() -> TestResult {
        for waits in ALL {
            let result = AsyncResult::new();
            let r = result.clone();
            let got = cross_thread(waits, move || r.wait_timeout(60), || result.set("from main"))?;
            assert_eq!(got, Some("from main"));
            let event = Event::new();
            let e = event.clone();
            assert!(cross_thread(waits, move || e.wait_timeout(60), || event.set())?);
        }
        Ok(())
    }

    /// A thread that sets an object has no hub, and gets none.
    #[test]
    fn test_cross_thread_use_set_in_bg() -> TestResult {
        let _bounded = bounded();
        for _ in 0..2 {
            let (result, event) = (AsyncResult::new(), Event::new());
            let thread = thread::spawn({
                let (result, event) = (result.clone(), event.clone());
                move || {
                    result.set("from the thread");
                    event.set();
                    assert!(get_hub_if_exists().is_none());
                }
            });
            get_hub();
            assert_eq!(result.wait_timeout(60)?, Some("from the thread"));
            assert!(event.wait_timeout(60)?);
            thread.join().expect("does not panic");
        }
        Ok(())
    }

    #[test]
    fn test_an_exception() {
        let _bounded = bounded();
        let result = AsyncResult::<()>::new();
        let thread = thread::spawn({
            let result = result.clone();
            move || result.set_exception(ExpectedError("from the thread"))
        });
        assert!(result.get().unwrap_err().is::<ExpectedError>());
        thread.join().expect("does not panic");
        assert!(result.get_nowait().unwrap_err().is::<ExpectedError>());
        assert!(result.ready() && !result.successful());
    }
}

mod timeouts {
    use super::*;

    #[test]
    fn test_returns_none_after_timeout() -> TestResult {
        let all = || -> TestResult {
            returns_after_timeout(|seconds| Event::new().wait_timeout(seconds).map(drop))?;
            returns_after_timeout(|seconds| AsyncResult::<()>::new().wait_timeout(seconds).map(drop))?;
            returns_after_timeout(|seconds| {
                let semaphore = Semaphore::new(0);
                assert!(!semaphore.acquire_timeout(seconds)?);
                assert_eq!((semaphore.counter(), semaphore.linkcount()), (0, 0));
                Ok(())
            })?;
            returns_after_timeout(|seconds| {
                let error = Queue::<()>::new().get_timeout(seconds).unwrap_err();
                assert!(error.is::<Empty>());
                Ok(())
            })?;
            returns_after_timeout(|seconds| {
                let queue = Queue::with_maxsize(1);
                queue.put(1)?;
                let error = queue.put_timeout(2, seconds).unwrap_err();
                assert!(matches!(error, PutError::Full(2)));
                assert_eq!((queue.qsize(), queue.putters()), (1, 0));
                Ok(())
            })
        };
        // The calls are made in a thread without a hub, and in one with a hub.
        all()?;
        assert!(get_hub_if_exists().is_none());
        get_hub();
        all()
    }

    #[test]
    fn test_outer_timeout_is_not_lost() {
        get_hub();
        outer_timeout_is_not_lost(|seconds| Event::new().wait_timeout(seconds).map(drop));
        outer_timeout_is_not_lost(|seconds| AsyncResult::<()>::new().get_timeout(seconds));
        outer_timeout_is_not_lost(|seconds| Semaphore::new(0).acquire_timeout(seconds).map(drop));
        outer_timeout_is_not_lost(|seconds| Queue::new().get_timeout(seconds));
    }

    #[test]
    fn test_get_raises_timeout() {
        let error = AsyncResult::<()>::new().get_timeout(0.001).unwrap_err();
        let error = error.downcast_ref::<TimeoutError>().expect("a timeout");
        near(error.seconds.expect("it has a time"), 0.001);
        let error = AsyncResult::<()>::new().get_nowait().unwrap_err();
        assert!(error.is::<TimeoutError>());
    }
}

/// gevent's TestSemaphoreMultiThread and TestBoundedSemaphoreMultiThread.
mod semaphore_multi_thread {
    use super::*;

    fn acquire_in_one_then_another(hub: bool, release: bool, timeout: Option<f64>) -> TestResult {
        let _bounded = bounded();
        let semaphore = Semaphore::new(1);
        semaphore.acquire()?;
        let running = Arc::new(Barrier::new(2));
        let thread = thread::spawn({
            let (semaphore, running) = (semaphore.clone(), running.clone());
            move || {
                if hub {
                    get_hub();
                }
                running.wait();
                semaphore.acquire_timeout(timeout)
            }
        });
        running.wait();
        if release {
            thread::sleep(Duration::from_millis(2));
            semaphore.release();
        }
        assert_eq!(thread.join().expect("does not panic")?, release);
        assert_eq!((semaphore.counter(), semaphore.linkcount()), (0, 0));
        Ok(())
    }

    #[test]
    fn test_acquire_in_one_then_another() -> TestResult {
        acquire_in_one_then_another(false, true, None)?;
        acquire_in_one_then_another(true, true, None)
    }

    #[test]
    fn test_acquire_in_one_then_another_timed() -> TestResult {
        acquire_in_one_then_another(false, false, Some(0.005))?;
        acquire_in_one_then_another(true, false, Some(0.005))
    }

    #[test]
    fn test_acquire_in_one_wait_greenlet_wait_thread_gives_up() -> TestResult {
        let _bounded = bounded();
        let semaphore = Semaphore::new(1);
        semaphore.acquire()?;
        let greenlet = spawn({
            let semaphore = semaphore.clone();
            move || {
                semaphore.acquire()?;
                let thread = thread::spawn({
                    let semaphore = semaphore.clone();
                    move || semaphore.acquire_timeout(0.005)
                });
                sleep(0.01)?;
                thread.join().expect("does not panic")
            }
        });
        sleep(0)?;
        semaphore.release();
        assert!(!greenlet.get()?);
        Ok(())
    }

    fn dueling_threads(create_hub: bool, timeout: Option<f64>) -> TestResult {
        let _bounded = bounded();
        let count = if create_hub { 500 } else { 10_000 };
        let semaphore = BoundedSemaphore::new(1);
        let inside = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (semaphore, inside) = (semaphore.clone(), inside.clone());
                thread::spawn(move || -> TestResult {
                    if create_hub {
                        get_hub();
                    }
                    for i in 0..count {
                        assert!(semaphore.acquire_timeout(timeout)?);
                        assert!(!inside.swap(true, Ordering::Relaxed));
                        inside.store(false, Ordering::Relaxed);
                        semaphore.release()?;
                        assert_eq!(get_hub_if_exists().is_some(), create_hub);
                        if create_hub && i % 10 == 0 {
                            sleep(0.0001)?;
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("does not panic")?;
        }
        assert_eq!(semaphore.counter(), 1);
        Ok(())
    }

    #[test]
    fn test_dueling_threads() -> TestResult {
        dueling_threads(false, None)
    }

    #[test]
    fn test_dueling_threads_timeout() -> TestResult {
        dueling_threads(false, Some(30.0))
    }

    #[test]
    fn test_dueling_threads_with_hub() -> TestResult {
        dueling_threads(true, None)
    }

    #[test]
    fn test_over_release() -> TestResult {
        let semaphore = BoundedSemaphore::default();
        assert_eq!(semaphore.release(), Err(OverReleaseError));
        let guard = semaphore.acquire_guard()?;
        assert_eq!(semaphore.release(), Ok(1));
        drop(guard); // releases nothing, for it would be too often
        assert_eq!(semaphore.counter(), 1);
        let guard = semaphore.try_acquire_guard().expect("is free");
        assert!(semaphore.acquire_guard_timeout(0.001)?.is_none());
        guard.forget();
        assert!(semaphore.locked());
        Ok(())
    }

    /// gevent issue 2013: a release in a thread without a hub wakes a greenlet of another one.
    #[test]
    fn test_release_from_thread_without_hub() -> TestResult {
        let _bounded = bounded();
        let semaphore = Semaphore::new(0);
        let waiter = spawn({
            let semaphore = semaphore.clone();
            move || semaphore.acquire()
        });
        sleep(0)?;
        assert_eq!(semaphore.linkcount(), 1);
        let thread = thread::spawn({
            let semaphore = semaphore.clone();
            move || {
                semaphore.release();
                assert!(get_hub_if_exists().is_none());
            }
        });
        waiter.get()?;
        thread.join().expect("does not panic");
        Ok(())
    }

    /// Greenlets and threads are served in the order in which they came.
    #[test]
    fn test_first_come_first_served() -> TestResult {
        let _bounded = bounded();
        let semaphore = Semaphore::new(0);
        let order = Queue::new();
        let mut threads = Vec::new();
        for i in 0..6 {
            let (semaphore, order) = (semaphore.clone(), order.clone());
            let came = semaphore.clone();
            threads.push(thread::spawn(move || -> TestResult {
                if i % 2 == 0 {
                    get_hub();
                }
                semaphore.acquire()?;
                order.put(i)?;
                semaphore.release();
                Ok(())
            }));
            while came.linkcount() <= i {
                thread::yield_now();
            }
        }
        semaphore.release();
        for i in 0..6 {
            assert_eq!(order.get()?, i);
        }
        for thread in threads {
            thread.join().expect("does not panic")?;
        }
        Ok(())
    }
}

/// A waiter that is killed, times out or is forgotten leaves nothing behind, and a permit or item that it was just
/// handed is not lost.
mod lost_waiters {
    use super::*;

    /// Parks a greenlet, hands it the item or permit for which it waits, and ends it before it runs.
    fn handed_then_killed(wait: impl Fn() -> TestResult + Clone + 'static, hand: impl Fn()) -> TestResult {
        let _bounded = bounded();
        let (first, second) = (spawn(wait.clone()), spawn(wait));
        sleep(0)?;
        // The kill is queued before the wake-up.
        first.kill_with(soon())?;
        hand();
        second.get()?;
        assert!(first.value().is_none());
        Ok(())
    }

    #[test]
    fn test_a_permit_goes_to_the_next() -> TestResult {
        let semaphore = Semaphore::new(0);
        let s = semaphore.clone();
        handed_then_killed(
            move || s.acquire().map(drop),
            || {
                semaphore.release();
            },
        )?;
        assert_eq!((semaphore.counter(), semaphore.linkcount()), (0, 0));
        Ok(())
    }

    #[test]
    fn test_an_item_goes_to_the_next() -> TestResult {
        let queue = Queue::new();
        let q = queue.clone();
        handed_then_killed(move || q.get().map(drop), || queue.put(1).expect("no limit"))?;
        assert_eq!((queue.qsize(), queue.getters()), (0, 0));
        Ok(())
    }

    #[test]
    fn test_space_goes_to_the_next() -> TestResult {
        let queue = Queue::with_maxsize(1);
        queue.put(0)?;
        let q = queue.clone();
        handed_then_killed(move || q.put(1), || drop(queue.get()))?;
        assert_eq!((queue.qsize(), queue.putters()), (1, 0));
        assert!(queue.full() && queue.get()? == 1);
        Ok(())
    }

    #[test]
    fn test_an_item_of_a_killed_putter_comes_back() -> TestResult {
        let queue = Queue::with_maxsize(1);
        queue.put(0)?;
        let timeout = Timeout::start_new(0.001);
        get_hub();
        match queue.put_timeout(1, None) {
            Err(PutError::Thrown(Some(1), error)) => assert!(timeout.caused(&error)),
            other => panic!("{other:?}"),
        }
        assert_eq!(queue.get()?, 0);
        assert!(queue.get_nowait().unwrap_err().is::<Empty>());
        queue.put(2)?;
        assert_eq!(queue.get()?, 2);
        Ok(())
    }

    #[test]
    fn test_a_forgotten_greenlet_leaves_the_line() -> TestResult {
        let (semaphore, event) = (Semaphore::new(0), Event::new());
        let hub = get_hub();
        let greenlets: Vec<_> = (0..2)
            .map(|i| {
                let (semaphore, event) = (semaphore.clone(), event.clone());
                gevent::spawn_raw(move || match i {
                    0 => semaphore.acquire().map(drop),
                    _ => event.wait().map(drop),
                })
            })
            .collect::<Result<_, _>>()?;
        sleep(0)?;
        assert_eq!((semaphore.linkcount(), event.linkcount()), (1, 1));
        for greenlet in greenlets {
            assert!(greenlet.unwind());
        }
        assert_eq!((semaphore.linkcount(), event.linkcount()), (0, 0));
        semaphore.release();
        assert_eq!(semaphore.counter(), 1);
        // No greenlet waits any more, so the loop has nothing to do.
        assert!(hub.join()?);
        Ok(())
    }

    #[test]
    fn test_set_and_clear_wakes_who_waited() -> TestResult {
        let _bounded = bounded();
        let event = Event::new();
        let waiters: Vec<_> = (0..100)
            .map(|_| {
                let event = event.clone();
                spawn(move || event.wait())
            })
            .collect();
        sleep(0)?;
        let thread = thread::spawn({
            let event = event.clone();
            move || {
                event.set();
                event.clear();
            }
        });
        joinall(&waiters)?;
        assert!(waiters.iter().all(|waiter| waiter.value() == Some(true)));
        thread.join().expect("does not panic");
        assert!(!event.is_set());
        Ok(())
    }
}

mod queue {
    use super::*;

    #[test]
    fn test_put_and_get() -> TestResult {
        let queue = Queue::with_maxsize(2);
        assert!(queue.empty() && !queue.full() && queue.maxsize() == Some(2));
        queue.put(1)?;
        queue.put_nowait(2)?;
        assert!(queue.full() && queue.len() == 2);
        assert!(matches!(queue.put_nowait(3), Err(PutError::Full(3))));
        assert_eq!((queue.get()?, queue.get_nowait()?), (1, 2));
        assert!(queue.get_nowait().unwrap_err().is::<Empty>());
        assert_eq!(Queue::<()>::with_maxsize(0).maxsize(), None);
        Ok(())
    }

    #[test]
    fn test_shutdown() -> TestResult {
        let _bounded = bounded();
        for hub in [false, true] {
            if hub {
                get_hub();
            }
            let queue = Queue::with_maxsize(1);
            queue.put(1)?;
            let putter = thread::spawn({
                let queue = queue.clone();
                move || queue.put_timeout(2, None)
            });
            while queue.putters() == 0 {
                thread::yield_now();
            }
            queue.shutdown(false);
            let put = putter.join().expect("does not panic");
            assert!(matches!(put, Err(PutError::ShutDown(2))));
            assert!(matches!(queue.put_nowait(3), Err(PutError::ShutDown(3))));
            assert!(queue.is_shutdown() && queue.get()? == 1);
            assert!(queue.get().unwrap_err().is::<ShutDown>());
            assert!(queue.get_nowait().unwrap_err().is::<ShutDown>());
            assert!(queue.iter().next().is_none());

            let queue = Queue::<i32>::new();
            let getter = thread::spawn({
                let queue = queue.clone();
                move || queue.get()
            });
            while queue.getters() == 0 {
                thread::yield_now();
            }
            queue.shutdown(true);
            let got = getter.join().expect("does not panic");
            assert!(got.unwrap_err().is::<ShutDown>());
        }
        Ok(())
    }
}

/// Getters that come when all items are reserved for others are woken when these are taken.
#[test]
fn test_shutdown_with_promised_items() -> TestResult {
    let _bounded = bounded();
    let queue = Queue::new();
    let getters: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            spawn(move || queue.get())
        })
        .collect();
    sleep(0)?;
    // The item is handed to the first greenlet, which is killed, so the second one gets it.
    getters[0].kill_with(soon())?;
    queue.put(1)?;
    queue.shutdown(false);
    assert!(queue.get().unwrap_err().is::<ShutDown>());
    assert_eq!(getters[1].get()?, 1);
    assert!(getters[2].get().unwrap_err().is::<ShutDown>());
    Ok(())
}

/// Many threads, half of them with hubs and several greenlets in each, some of which are killed.
mod stress {
    use super::*;

    const THREADS: usize = 6;
    const GREENLETS: usize = 5;
    const ROUNDS: usize = 300;

    /// Runs the function in threads without hubs, and in greenlets of threads with hubs.
    fn run_everywhere(function: impl Fn(usize) -> TestResult + Clone + Send + 'static) {
        let _bounded = bounded();
        let threads: Vec<_> = (0..THREADS)
            .map(|i| {
                let function = function.clone();
                thread::spawn(move || -> TestResult {
                    if i % 2 == 0 {
                        return function(i * GREENLETS);
                    }
                    let greenlets: Vec<_> = (0..GREENLETS)
                        .map(|j| {
                            let function = function.clone();
                            spawn(move || function(i * GREENLETS + j))
                        })
                        .collect();
                    for greenlet in &greenlets {
                        greenlet.get()?;
                    }
                    get_hub().destroy(true)
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("does not panic").expect("does not fail");
        }
    }

    #[test]
    fn test_semaphore() {
        let semaphore = BoundedSemaphore::new(2);
        let inside = Arc::new(AtomicUsize::new(0));
        run_everywhere({
            let semaphore = semaphore.clone();
            move |n| {
                for i in 0..ROUNDS {
                    let short = (i + n) % 7 == 0;
                    let acquired = match short {
                        true => semaphore.acquire_timeout(0.00005)?,
                        false => {
                            semaphore.acquire()?;
                            true
                        }
                    };
                    if acquired {
                        assert!(inside.fetch_add(1, Ordering::Relaxed) < 2);
                        if i % 50 == 0 && get_hub_if_exists().is_some() {
                            sleep(0)?;
                        }
                        inside.fetch_sub(1, Ordering::Relaxed);
                        semaphore.release()?;
                    }
                }
                Ok(())
            }
        });
        assert_eq!((semaphore.counter(), semaphore.linkcount()), (2, 0));
    }

    /// Kills come at any moment: before, while and after a permit is handed over.
    #[test]
    fn test_semaphore_with_kills() {
        let _bounded = bounded();
        let semaphore = Semaphore::new(3);
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let semaphore = semaphore.clone();
                thread::spawn(move || -> TestResult {
                    for round in 0..60 {
                        let greenlets: Vec<_> = (0..8)
                            .map(|_| {
                                let semaphore = semaphore.clone();
                                spawn(move || {
                                    let _guard = semaphore.acquire_guard()?;
                                    sleep(0)
                                })
                            })
                            .collect();
                        for greenlet in greenlets.iter().skip((round + i) % 3).step_by(3) {
                            if round % 2 == 0 {
                                sleep(0)?;
                            }
                            greenlet.kill_with(soon())?;
                        }
                        joinall(&greenlets)?;
                    }
                    get_hub().destroy(true)
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("does not panic").expect("does not fail");
        }
        assert_eq!((semaphore.counter(), semaphore.linkcount()), (3, 0));
    }

    #[test]
    fn test_queue() {
        for maxsize in [None, Some(1), Some(3)] {
            let queue = Queue::with_maxsize(maxsize);
            let total = (THREADS / 2) * (1 + GREENLETS) * ROUNDS;
            let consumer = thread::spawn({
                let queue = queue.clone();
                move || -> Result<Vec<(usize, usize)>, Exception> {
                    let got = Queue::new();
                    let takers: Vec<_> = (0..3)
                        .map(|_| {
                            let (queue, got) = (queue.clone(), got.clone());
                            spawn(move || {
                                for item in queue.iter() {
                                    got.put(item?)?;
                                }
                                Ok(())
                            })
                        })
                        .collect();
                    for taker in &takers {
                        taker.get()?;
                    }
                    got.shutdown(false);
                    got.iter().collect()
                }
            });
            run_everywhere({
                let queue = queue.clone();
                move |n| {
                    for i in 0..ROUNDS {
                        let mut item = (n, i);
                        // Now and then the put is given up and tried again.
                        while let Err(error) = queue.put_timeout(item, 0.0005) {
                            match error {
                                PutError::Full(back) => item = back,
                                other => return Err(other.into()),
                            }
                        }
                    }
                    Ok(())
                }
            });
            queue.shutdown(false);
            let mut got = consumer.join().expect("does not panic").expect("does not fail");
            assert_eq!(got.len(), total);
            // The items of each putter come in their order.
            got.sort_by_key(|&(n, _)| n);
            for putter in got.chunks(ROUNDS) {
                assert!(putter.iter().enumerate().all(|(i, item)| item.1 == i));
            }
        }
    }

    #[test]
    fn test_event() {
        let events: Arc<Vec<Event>> = Arc::new((0..50).map(|_| Event::new()).collect());
        let all = (THREADS / 2) * (1 + GREENLETS);
        let setter = thread::spawn({
            let events = events.clone();
            move || {
                for event in &*events {
                    // All wait, so each of them is woken by this set, although the event is cleared soon.
                    while event.linkcount() < all {
                        thread::yield_now();
                    }
                    event.set();
                    event.clear();
                }
            }
        });
        run_everywhere(move |_| {
            for event in &*events {
                assert!(event.wait()?);
            }
            Ok(())
        });
        setter.join().expect("does not panic");
    }

    #[test]
    fn test_async_result() {
        let results: Arc<Vec<AsyncResult<usize>>> = Arc::new((0..ROUNDS).map(|_| AsyncResult::new()).collect());
        let setter = thread::spawn({
            let results = results.clone();
            move || {
                for (i, result) in results.iter().enumerate() {
                    match i % 10 {
                        9 => result.set_exception(fail::<()>("a tenth").unwrap_err()),
                        _ => result.set(i),
                    }
                }
            }
        });
        run_everywhere(move |_| {
            for (i, result) in results.iter().enumerate() {
                match result.get() {
                    Ok(value) => assert_eq!(value, i),
                    Err(error) => assert!(error.is::<ExpectedError>() && i % 10 == 9),
                }
            }
            Ok(())
        });
        setter.join().expect("does not panic");
    }
}

/// Items whose destructors panic do not keep greenlets from being woken.
#[test]
fn items_that_panic_when_they_are_dropped() -> TestResult {
    #[derive(Clone)]
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            if !thread::panicking() {
                resume_unwind(Box::new("from a destructor"));
            }
        }
    }
    let _bounded = bounded();
    let queue = Queue::with_maxsize(1);
    assert!(queue.put_nowait(Some(Panics)).is_ok());
    let putter = spawn({
        let queue = queue.clone();
        move || queue.put(None)
    });
    let joiner = spawn({
        let queue = queue.clone();
        move || queue.join()
    });
    sleep(0)?;
    let shut = catch_unwind(AssertUnwindSafe(|| queue.shutdown(true)));
    assert!(shut.is_err());
    assert!(putter.get().is_err_and(|error| error.is::<ShutDown>()));
    assert!(joiner.get()?);
    Ok(())
}
