//! Greenlets, results, events and semaphores as futures.

use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures::future::{FutureExt, join, select};
use futures::stream::{FuturesUnordered, StreamExt};
use gevent::event::{AsyncResult, Event};
use gevent::future::{block_on, spawn_local};
use gevent::lock::Semaphore;
use gevent::{GreenletExit, sleep, spawn};

use crate::support::{ExpectedError, Log, TestResult, bounded, fail};

/// Polls once, with a waker that does nothing.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn greenlets_are_awaited() -> TestResult {
    let _bounded = bounded();
    let late = spawn(|| sleep(0.002).map(|()| "late"));
    let failed = spawn(|| fail::<()>("in the greenlet"));
    let killed = spawn(|| sleep(100));
    let killer = spawn({
        let killed = killed.clone();
        move || sleep(0.001).and_then(|()| killed.kill())
    });
    block_on(async {
        assert_eq!((&late).await?, "late");
        // It is ready now, and can be awaited again.
        assert_eq!(late.await?, "late");
        assert!(failed.await.unwrap_err().is::<ExpectedError>());
        assert!(killed.await.unwrap_err().is::<GreenletExit>());
        killer.await
    })?
}

#[test]
fn results_are_awaited() -> TestResult {
    let _bounded = bounded();
    let (value, error) = (AsyncResult::new(), AsyncResult::<i32>::new());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let (value, error) = (value.clone(), error.clone());
            spawn_local(async move { Ok((value.await?, error.await.unwrap_err())) })
        })
        .collect();
    sleep(0)?;
    assert_eq!(value.linkcount(), 3);
    value.set(7);
    // One round tells the futures, and the next one polls them.
    (0..2).try_for_each(|_| sleep(0))?;
    assert_eq!((value.linkcount(), error.linkcount()), (0, 3));
    error.set_exception(ExpectedError("set"));
    for greenlet in &waiting {
        let (value, error) = greenlet.get()?;
        assert!(value == 7 && error.is::<ExpectedError>());
    }
    Ok(())
}

/// Who waits is told, also if the event is cleared at once: as greenlets are.
#[test]
fn events_are_awaited() -> TestResult {
    let _bounded = bounded();
    let event = Event::new();
    let log = Log::<&str>::new();
    let (its, told) = (event.clone(), log.clone());
    let future = spawn_local(async move {
        its.await;
        told.add("future");
    });
    let (its, told) = (event.clone(), log.clone());
    let greenlet = spawn(move || {
        its.wait()?;
        told.add("greenlet");
        Ok(())
    });
    sleep(0)?;
    event.set();
    event.clear();
    gevent::joinall([&future, &greenlet])?;
    let mut told = log.take();
    told.sort_unstable();
    assert_eq!(told, ["future", "greenlet"]);
    assert!(block_on(async { (&event).into_future().now_or_never() })?.is_none());
    event.set();
    block_on(event)
}

/// Futures and greenlets are one line.
#[test]
fn permits_go_to_those_who_came_first() -> TestResult {
    let _bounded = bounded();
    let semaphore = Semaphore::new(0);
    let log = Log::<i32>::new();
    for i in 0..6 {
        let (semaphore, log) = (semaphore.clone(), log.clone());
        if i % 2 == 0 {
            spawn_local(async move {
                semaphore.acquire_async().await.forget();
                log.add(i);
            });
        } else {
            spawn(move || {
                semaphore.acquire()?;
                log.add(i);
                Ok(())
            });
        }
    }
    sleep(0)?;
    for permits in 0..6 {
        assert_eq!(log.len(), permits);
        semaphore.release();
        (0..3).try_for_each(|_| sleep(0))?;
    }
    assert_eq!(log.take(), [0, 1, 2, 3, 4, 5]);
    assert_eq!((semaphore.counter(), semaphore.linkcount()), (0, 0));
    Ok(())
}

#[test]
fn a_dropped_future_leaves_no_link_and_takes_no_permit() -> TestResult {
    let _bounded = bounded();
    let (event, result) = (Event::new(), AsyncResult::<i32>::new());
    let (semaphore, greenlet) = (Semaphore::new(0), spawn(|| sleep(100)));
    let mut futures = (
        (&event).into_future(),
        (&result).into_future(),
        semaphore.acquire_async(),
        (&greenlet).into_future(),
    );
    for _ in 0..2 {
        assert!(poll(&mut futures.0).is_pending());
        assert!(poll(&mut futures.1).is_pending());
        assert!(poll(&mut futures.2).is_pending());
        assert!(poll(&mut futures.3).is_pending());
    }
    let links = || (event.linkcount(), result.linkcount(), semaphore.linkcount());
    assert_eq!(links(), (1, 1, 1));
    drop(futures);
    assert_eq!(links(), (0, 0, 0));
    greenlet.kill()?;
    // A permit that was granted, and not taken, goes to the next one.
    let mut first = semaphore.acquire_async();
    assert!(poll(&mut first).is_pending());
    let second = spawn({
        let semaphore = semaphore.clone();
        move || semaphore.acquire()
    });
    sleep(0)?;
    semaphore.release();
    sleep(0)?;
    assert_eq!((semaphore.counter(), second.ready()), (0, false));
    drop(first);
    assert!(second.get()?);
    // A guard releases.
    semaphore.release();
    drop(block_on(semaphore.acquire_async())?);
    assert_eq!(semaphore.counter(), 1);
    Ok(())
}

/// The latest waker is the one that is used.
#[test]
fn a_future_moves_between_tasks() -> TestResult {
    let _bounded = bounded();
    let event = Event::new();
    let future = Rc::new(RefCell::new((&event).into_future()));
    assert!(poll(&mut *future.borrow_mut()).is_pending());
    let its = future.clone();
    let waiting = spawn_local(std::future::poll_fn(move |context| {
        Pin::new(&mut *its.borrow_mut()).poll(context)
    }));
    sleep(0)?;
    event.set();
    waiting.get()
}

#[test]
fn combinators_of_others() -> TestResult {
    let _bounded = bounded();
    let slow = || spawn(|| sleep(0.003).map(|()| 3));
    let fast = || spawn(|| sleep(0.001).map(|()| 1));
    block_on(async {
        let (a, b) = join(slow().into_future(), fast().into_future()).await;
        assert_eq!((a?, b?), (3, 1));
        let (a, b) = (pin!(slow().into_future()), pin!(fast().into_future()));
        let first = select(a, b).await.factor_first().0?;
        assert_eq!(first, 1);
        let mut all: FuturesUnordered<_> = [slow(), fast(), slow()].into_iter().map(|g| g.into_future()).collect();
        let mut values = Vec::new();
        while let Some(value) = all.next().await {
            values.push(value?);
        }
        assert_eq!(values, [1, 3, 3]);
        Ok(())
    })?
}

/// An executor that runs in a greenlet, and waits by a function of ours when it has nothing to do.
#[test]
fn an_executor_of_others_in_a_greenlet() -> TestResult {
    use futures::executor::LocalPool;
    use futures::task::LocalSpawnExt;
    let _bounded = bounded();
    let mut pool = LocalPool::new();
    let done = Rc::new(Cell::new(0));
    for i in 0..10 {
        let (done, greenlet) = (done.clone(), spawn(move || sleep(0.001 * f64::from(i)).map(|()| 1)));
        let task = async move {
            let one = greenlet.await.expect("it sleeps");
            done.set(done.get() + one);
        };
        pool.spawner().spawn_local(task).expect("the pool lives");
    }
    while done.get() < 10 {
        pool.run_until_stalled();
        sleep(0.001)?;
    }
    Ok(())
}
