//! The objects for several threads as futures, in executors of other threads and in greenlets.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::executor::block_on as block_on_thread;
use futures::future::join_all;
use gevent::future::block_on;
use gevent::queue::{PutError, ShutDown};
use gevent::threadsafe::{AsyncResult, Event, Queue, Semaphore};
use gevent::{get_hub, sleep, spawn};

use crate::support::{ExpectedError, TestResult, bounded};

/// Polls once, with a waker that does nothing.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn futures_are_send() {
    fn send<T: Send>(_: &T) {}
    let (queue, result) = (Queue::<i32>::new(), AsyncResult::<i32>::new());
    send(&queue.get_async());
    send(&queue.put_async(1));
    send(&(&result).into_future());
    send(&Event::new().into_future());
    send(&Semaphore::new(1).acquire_async());
}

#[test]
fn events_and_results_reach_executors_of_other_threads() -> TestResult {
    let _bounded = bounded();
    let (event, value, error) = (Event::new(), AsyncResult::new(), AsyncResult::<i32>::new());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (event, value, error) = (event.clone(), value.clone(), error.clone());
            thread::spawn(move || {
                block_on_thread(async {
                    event.await;
                    (value.await, error.await)
                })
            })
        })
        .collect();
    let greenlet = spawn({
        let (event, value) = (event.clone(), value.clone());
        move || {
            block_on(async {
                (&event).await;
                value.await
            })?
        }
    });
    sleep(0.001)?;
    event.set();
    sleep(0.001)?;
    value.set(String::from("value"));
    error.set_exception(ExpectedError("error"));
    for thread in threads {
        let (value, error) = thread.join().expect("it does not panic");
        assert_eq!(value?, "value");
        assert!(error.unwrap_err().is::<ExpectedError>());
    }
    assert_eq!(greenlet.get()?, "value");
    assert_eq!((event.linkcount(), value.linkcount()), (0, 0));
    Ok(())
}

/// Items and permits are neither lost nor doubled, whoever waits: threads, greenlets and futures.
#[test]
fn a_queue_between_all_kinds_of_waiters() -> TestResult {
    const EACH: usize = 2_000;
    let _bounded = bounded();
    let (queue, sum, permits) = (Queue::with_maxsize(3), Arc::new(AtomicUsize::new(0)), Semaphore::new(2));
    let consumers: Vec<_> = (0..3)
        .map(|kind| {
            let (queue, sum, permits) = (queue.clone(), sum.clone(), permits.clone());
            let add = move |item: usize| _ = sum.fetch_add(item, Ordering::Relaxed);
            thread::spawn(move || match kind {
                0 => block_on_thread(join_all((0..4).map(|_| async {
                    while let Ok(item) = queue.get_async().await {
                        let _permit = permits.acquire_async().await;
                        add(item);
                    }
                })))
                .clear(),
                1 => {
                    while let Ok(item) = queue.get() {
                        let _permit = permits.acquire_guard().expect("nobody throws");
                        add(item);
                    }
                }
                _ => {
                    let all = (0..4).map(|_| {
                        let (queue, add, permits) = (queue.clone(), add.clone(), permits.clone());
                        spawn(move || {
                            block_on(async {
                                while let Ok(item) = queue.get_async().await {
                                    let _permit = permits.acquire_async().await;
                                    add(item);
                                }
                            })
                        })
                    });
                    let all: Vec<_> = all.collect();
                    all.iter().for_each(|greenlet| greenlet.get().expect("nobody throws"));
                }
            })
        })
        .collect();
    let producers: Vec<_> = (0..2)
        .map(|kind| {
            let queue = queue.clone();
            thread::spawn(move || match kind {
                0 => block_on_thread(async {
                    for item in 0..EACH {
                        queue.put_async(item).await.expect("it is open");
                    }
                }),
                _ => (0..EACH).for_each(|item| queue.put(item).expect("it is open")),
            })
        })
        .collect();
    producers
        .into_iter()
        .for_each(|thread| thread.join().expect("it does not panic"));
    queue.shutdown(false);
    consumers
        .into_iter()
        .for_each(|thread| thread.join().expect("it does not panic"));
    assert_eq!(sum.load(Ordering::Relaxed), EACH * (EACH - 1));
    assert_eq!((permits.counter(), permits.linkcount()), (2, 0));
    assert_eq!((queue.qsize(), queue.getters(), queue.putters()), (0, 0, 0));
    Ok(())
}

#[test]
fn a_dropped_future_passes_on_what_it_was_granted() -> TestResult {
    let _bounded = bounded();
    let (queue, semaphore) = (Queue::with_maxsize(1), Semaphore::new(0));
    let mut gets = (queue.get_async(), queue.get_async());
    assert!(poll(&mut gets.0).is_pending() && poll(&mut gets.1).is_pending());
    queue.put(1)?;
    drop(gets.0);
    assert!(matches!(poll(&mut gets.1), Poll::Ready(Ok(1))));
    let mut acquires = (semaphore.acquire_async(), semaphore.acquire_async());
    assert!(poll(&mut acquires.0).is_pending() && poll(&mut acquires.1).is_pending());
    semaphore.release();
    drop(acquires.0);
    assert!(poll(&mut acquires.1).is_ready());
    assert_eq!((semaphore.counter(), semaphore.linkcount()), (1, 0));
    // A put that waits for space, and one that is granted it.
    queue.put(2)?;
    let mut puts = (queue.put_async(3), queue.put_async(4), queue.put_async(5));
    assert!(poll(&mut puts.0).is_pending() && poll(&mut puts.1).is_pending() && poll(&mut puts.2).is_pending());
    drop(puts.0);
    assert_eq!(queue.get()?, 2);
    drop(puts.1);
    assert!(matches!(poll(&mut puts.2), Poll::Ready(Ok(()))));
    assert_eq!((queue.get()?, queue.qsize(), queue.putters()), (5, 0, 0));
    Ok(())
}

#[test]
fn a_shutdown_ends_the_waits() -> TestResult {
    let _bounded = bounded();
    let (empty, full) = (Queue::<i32>::new(), Queue::with_maxsize(1));
    full.put(1)?;
    let (mut get, mut put) = (empty.get_async(), full.put_async(2));
    assert!(poll(&mut get).is_pending() && poll(&mut put).is_pending());
    empty.shutdown(false);
    full.shutdown(false);
    assert!(matches!(poll(&mut get), Poll::Ready(Err(error)) if error.is::<ShutDown>()));
    assert!(matches!(poll(&mut put), Poll::Ready(Err(PutError::ShutDown(2)))));
    assert_eq!(block_on(full.get_async())??, 1);
    Ok(())
}

/// A wait for an object of several threads keeps the loop running, as another thread may end it.
#[test]
fn the_loop_goes_on_meanwhile() -> TestResult {
    let _bounded = bounded();
    let (event, other) = (Event::new(), Event::new());
    let thread = thread::spawn({
        let (event, other) = (event.clone(), other.clone());
        move || {
            block_on_thread(other.into_future());
            event.set();
        }
    });
    let active = get_hub().loop_().activecnt()?;
    get_hub().loop_().run_callback(move || other.set())?;
    block_on(event)?;
    thread.join().expect("it does not panic");
    assert_eq!(get_hub().loop_().activecnt()?, active);
    Ok(())
}
