//! Greenlets, results, events and semaphores as futures.

use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures::future::{FutureExt, join, select};
use futures::stream::{FuturesUnordered, StreamExt};
use gevent::event::{AsyncResult, Event};
use gevent::exceptions::LoopExit;
use gevent::future::{block_on, spawn_local};
use gevent::lock::{BoundedSemaphore, Lock, Semaphore};
use gevent::pool::{Group, Pool};
use gevent::queue::Queue;
use gevent::{GreenletExit, get_hub, sleep, spawn, threadsafe, with_timeout};

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
    let gate = Event::new();
    let slow = || {
        let gate = gate.clone();
        spawn(move || gate.wait().map(|_| 3))
    };
    let fast = || spawn(|| sleep(0.001).map(|()| 1));
    block_on(async {
        let (a, b) = (pin!(slow().into_future()), pin!(fast().into_future()));
        let first = select(a, b).await.factor_first().0?;
        assert_eq!(first, 1);
        let mut all: FuturesUnordered<_> = [slow(), fast(), slow()].into_iter().map(|g| g.into_future()).collect();
        let mut values = Vec::new();
        while let Some(value) = all.next().await {
            values.push(value?);
            gate.set();
        }
        assert_eq!(values, [1, 3, 3]);
        let (a, b) = join(slow().into_future(), fast().into_future()).await;
        assert_eq!((a?, b?), (3, 1));
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

/// The guards of a bounded semaphore leave it alone if somebody else has released it in their place.
#[test]
fn permits_of_bounded_semaphores() -> TestResult {
    let _bounded = bounded();
    let semaphore = BoundedSemaphore::new(1);
    let first = block_on(semaphore.acquire_async())?;
    let log = Log::<i32>::new();
    let waiting: Vec<_> = (0..4)
        .map(|i| {
            let (semaphore, log) = (semaphore.clone(), log.clone());
            match i % 2 {
                0 => spawn_local(async move {
                    let _guard = semaphore.acquire_async().await;
                    log.add(i);
                }),
                _ => spawn(move || {
                    let _guard = semaphore.acquire_guard()?;
                    log.add(i);
                    Ok(())
                }),
            }
        })
        .collect();
    sleep(0)?;
    assert_eq!(semaphore.linkcount(), 4);
    // One that is dropped has no place, and takes nothing.
    let mut dropped = semaphore.acquire_async();
    assert!(poll(&mut dropped).is_pending());
    assert_eq!(semaphore.linkcount(), 5);
    drop(dropped);
    drop(first);
    waiting.iter().try_for_each(|greenlet| greenlet.get())?;
    assert_eq!(log.take(), [0, 1, 2, 3]);
    assert_eq!((semaphore.counter(), semaphore.linkcount()), (1, 0));
    let guard = block_on(semaphore.acquire_async())?;
    semaphore.release()?;
    drop(guard);
    assert_eq!(semaphore.counter(), 1);
    // That of several threads is the same.
    let semaphore = threadsafe::BoundedSemaphore::new(1);
    let guard = block_on(semaphore.acquire_async())?;
    let mut dropped = semaphore.acquire_async();
    assert!(poll(&mut dropped).is_pending());
    drop(dropped);
    semaphore.release()?;
    drop(guard);
    assert_eq!(semaphore.counter(), 1);
    drop(block_on(semaphore.acquire_async())?);
    assert_eq!(
        Lock::release(&semaphore).unwrap_err().to_string(),
        "Semaphore released too many times"
    );
    Ok(())
}

#[test]
fn groups_and_pools_are_joined() -> TestResult {
    let _bounded = bounded();
    // One without members is not waited for.
    block_on(Group::new().join_async())?;
    let (group, pool) = (Group::new(), Pool::new(1));
    let log = Log::<&str>::new();
    for name in ["first", "second"] {
        let its = log.clone();
        group.spawn(move || {
            sleep(0.001)?;
            its.add(name);
            Ok(())
        })?;
    }
    // The future keeps the group.
    let joining = group.join_async();
    drop(group);
    block_on(joining)?;
    assert_eq!(log.len(), 2);
    let member = pool.spawn(|| sleep(100))?;
    let joining = spawn_local(pool.join_async());
    sleep(0)?;
    assert!(!joining.ready());
    member.kill()?;
    joining.get()
}

#[test]
fn queues_are_joined() -> TestResult {
    let _bounded = bounded();
    block_on(Queue::<i32>::new().join_async())?;
    let queue = Queue::with_items(None, [1, 2]);
    let joining = spawn_local(queue.join_async());
    for _ in 0..2 {
        sleep(0)?;
        assert!(!joining.ready());
        queue.get()?;
        queue.task_done()?;
    }
    joining.get()?;
    // A future that was told, and polls late, is as a greenlet that is woken.
    let queue = Queue::with_items(None, [1]);
    let mut joining = Box::pin(queue.join_async());
    assert!(poll(&mut joining).is_pending());
    queue.task_done()?;
    sleep(0)?;
    queue.put(2)?;
    assert!(poll(&mut joining).is_ready());
    Ok(())
}

/// However such a wait ends, its greenlet's future is dropped, and nobody else is told in its place.
#[test]
fn waits_for_joins_and_permits_end() -> TestResult {
    let _bounded = bounded();
    let (group, queue, semaphore) = (Group::new(), Queue::with_items(None, [1]), BoundedSemaphore::new(0));
    let never = gevent::Greenlet::new(|| ());
    group.add(&never)?;
    let waits = || {
        let (joined, done, permit) = (group.join_async(), queue.join_async(), semaphore.acquire_async());
        [
            spawn_local(joined),
            spawn_local(done),
            spawn_local(async move { permit.await.forget() }),
        ]
    };
    // By a kill.
    for waiting in waits() {
        sleep(0)?;
        waiting.kill()?;
        assert!(waiting.get().unwrap_err().is::<GreenletExit>());
    }
    assert_eq!(semaphore.linkcount(), 0);
    // By a timeout.
    for which in 0..3 {
        let wait = || {
            match which {
                0 => block_on(group.join_async())?,
                1 => block_on(queue.join_async())?,
                _ => block_on(semaphore.acquire_async())?.forget(),
            }
            Ok("it ended")
        };
        assert_eq!(with_timeout(0.001, wait, "in time")?, "in time");
    }
    assert_eq!(semaphore.linkcount(), 0);
    // By nothing: then they are named.
    let waiting = waits();
    let exit = get_hub().switch().unwrap_err();
    assert!(exit.is::<LoopExit>());
    let blocked = get_hub().blocked_greenlets();
    let kinds: Vec<_> = blocked
        .iter()
        .filter_map(|greenlet| Some(greenlet.waiting_on?.kind))
        .collect();
    assert_eq!(kinds, ["future"; 3]);
    waiting.iter().try_for_each(|greenlet| greenlet.kill())
}
