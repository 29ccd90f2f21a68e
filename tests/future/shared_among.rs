//! `SharedExecutor` among others: threads, greenlets, other executors.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;

use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use gevent::event::{AsyncResult, Event};
use gevent::exceptions::LoopExit;
use gevent::future::{HubDriver, SharedExecutor, block_on, join_all};
use gevent::queue::Queue;
use gevent::{sleep, spawn};

use crate::support::{TestResult, bounded};
use crate::{Counted, Gate};

fn spawn_task(future: impl Future<Output = ()> + 'static) {
    SharedExecutor.spawn(future).expect("the hub lives");
}

#[test]
fn wakers_are_used_late_in_other_threads() -> TestResult {
    let _bounded = bounded();
    let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
    let kept = wakers.clone();
    let thread = thread::spawn(move || {
        let all = kept.clone();
        gevent::run(move || -> TestResult {
            for n in 0..6 {
                let all = all.clone();
                spawn_task(async move {
                    let mut polls = 0;
                    poll_fn(|context| {
                        polls += 1;
                        all.lock().expect("nobody panics").push(context.waker().clone());
                        let waker = context.waker().clone();
                        let during = thread::spawn(move || waker.wake());
                        if n % 2 == 0 {
                            during.join().expect("it does not panic");
                        }
                        if polls > n { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                    if n > 3 {
                        pending().await
                    }
                });
            }
            sleep(0.01)
        })
        .expect("nothing fails");
        // The hub has ended, the thread has not.
        let wakers = kept.lock().expect("nobody panics").clone();
        wakers.iter().for_each(Waker::wake_by_ref);
    });
    thread.join().expect("it does not panic");
    let wakers = std::mem::take(&mut *wakers.lock().expect("nobody panics"));
    wakers.iter().for_each(Waker::wake_by_ref);
    let thread = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
    thread.join().expect("it does not panic");
    Ok(())
}

#[test]
fn executors_are_nested() -> TestResult {
    let _bounded = bounded();
    let (over, event) = (Queue::new(), Event::new());
    for n in 0..50 {
        let (over, event) = (over.clone(), event.clone());
        spawn_task(async move {
            event.clone().await;
            let inner = AsyncResult::new();
            let its = inner.clone();
            spawn_task(async move {
                block_on(async { its.set(spawn(move || n).await.expect("it ends")) }).expect("nobody throws");
            });
            match n % 3 {
                0 => assert_eq!(block_on(&inner).expect("nobody throws").expect("it is set"), n),
                1 => assert_eq!(join_all([inner.into_future()]).await.len(), 1),
                _ => assert_eq!(inner.await.expect("it is set"), n),
            }
            over.put_async(n).await.expect("it has place");
        });
    }
    event.set();
    let mut all = (0..50).map(|_| over.get()).collect::<Result<Vec<_>, _>>()?;
    all.sort_unstable();
    assert_eq!(all, (0..50).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_driven_hub_runs_them() -> TestResult {
    let _bounded = bounded();
    let mut pool = LocalPool::new();
    let driver = HubDriver::new()?;
    pool.spawner()
        .spawn_local(async move { panic!("{:?}", driver.await) })
        .expect("it is there");
    let queue = Queue::new();
    let total = 200;
    for n in 0..total {
        let queue = queue.clone();
        spawn_task(async move {
            if n % 3 == 0 {
                sleep(0.0001).expect("nobody throws");
            }
            let (sender, receiver) = futures::channel::oneshot::channel();
            let thread = (n % 20 == 1).then(|| thread::spawn(move || sender.send(n).expect("somebody waits")));
            if thread.is_some() {
                assert_eq!(receiver.await, Ok(n));
            }
            queue.put_async(n).await.expect("it has place");
        });
    }
    let sum = pool.run_until(async move {
        let mut sum = 0;
        for _ in 0..total {
            sum += queue.get_async().await.expect("it is there");
        }
        sum
    });
    assert_eq!(sum, total * (total - 1) / 2);
    Ok(())
}

/// Two of them overlap in the midst of their polls.
#[test]
fn whoever_waits_for_futures_that_nobody_can_wake_is_told() {
    let _bounded = bounded();
    thread::spawn(|| {
        let (never, turn) = (Event::new(), Event::new());
        for n in 0..4 {
            let (never, turn) = (never.clone(), turn.clone());
            spawn_task(async move {
                if n == 0 {
                    turn.wait().expect("nobody throws");
                } else {
                    sleep(0.001 * f64::from(n)).expect("nobody throws");
                    turn.set();
                }
                never.await;
            });
        }
        let error = AsyncResult::<()>::new().get().expect_err("nobody sets it");
        assert!(error.is::<LoopExit>(), "{error:?}");
        never.set();
        sleep(0).expect("nobody throws");
    })
    .join()
    .expect("it does not panic");
}

/// Values go round between futures, greenlets and threads, and all of them come back.
#[test]
fn no_wake_up_is_lost_in_a_crowd() -> TestResult {
    let _bounded = bounded();
    let (tasks, rounds) = (1000, 10);
    let (to_thread, in_thread) = mpsc::channel::<(usize, futures::channel::oneshot::Sender<usize>)>();
    let threads: Vec<_> = {
        let in_thread = Arc::new(Mutex::new(in_thread));
        (0..2)
            .map(|_| {
                let in_thread = in_thread.clone();
                thread::spawn(move || {
                    let mut count = 0;
                    loop {
                        let next = in_thread.lock().expect("nobody panics").recv();
                        let Ok((n, answer)) = next else { return count };
                        answer.send(n + 1).expect("somebody waits");
                        count += 1;
                    }
                })
            })
            .collect()
    };
    let (ask, answers) = (Queue::<(usize, AsyncResult<usize>)>::new(), Queue::new());
    let answering: Vec<_> = (0..3)
        .map(|_| {
            let ask = ask.clone();
            spawn(move || -> TestResult {
                loop {
                    let (n, answer) = ask.get()?;
                    if n == usize::MAX {
                        return Ok(());
                    }
                    answer.set(n + 1);
                }
            })
        })
        .collect();
    for n in 0..tasks {
        let (to_thread, ask, answers) = (to_thread.clone(), ask.clone(), answers.clone());
        spawn_task(async move {
            let mut value = 0;
            for round in 0..rounds {
                match (n + round) % 3 {
                    0 => {
                        let (sender, receiver) = futures::channel::oneshot::channel();
                        to_thread.send((value, sender)).expect("the threads run");
                        value = receiver.await.expect("it answers");
                    }
                    1 => {
                        let answer = AsyncResult::new();
                        ask.put_async((value, answer.clone())).await.expect("it has place");
                        value = answer.await.expect("it is set");
                    }
                    _ => {
                        // In the midst of the poll.
                        let answer = AsyncResult::new();
                        ask.put((value, answer.clone())).expect("it has place");
                        value = match n % 50 {
                            0 => answer.get().expect("it is set"),
                            _ => answer.await.expect("it is set"),
                        };
                    }
                }
            }
            answers.put_async(value).await.expect("it has place");
        });
    }
    drop(to_thread);
    for _ in 0..tasks {
        assert_eq!(answers.get()?, rounds);
    }
    for _ in &answering {
        ask.put((usize::MAX, AsyncResult::new()))?;
    }
    for greenlet in answering {
        greenlet.get()?;
    }
    let by_threads: usize = threads
        .into_iter()
        .map(|thread| thread.join().expect("it does not panic"))
        .sum();
    let expected = (0..tasks).flat_map(|n| (0..rounds).map(move |round| (n + round) % 3 == 0));
    assert_eq!(by_threads, expected.filter(|&by_thread| by_thread).count());
    Ok(())
}

/// As often as a timer is due, it comes, though there is always a future that is ready.
#[test]
fn futures_that_wake_each_other_for_ever_let_timers_come() -> TestResult {
    let _bounded = bounded();
    let count = Rc::new(Cell::new(0));
    let stop = Rc::new(Cell::new(false));
    let gates = [Gate::default(), Gate::default()];
    for n in 0..2 {
        let (counted, stop) = (Counted::new(&count), stop.clone());
        let (own, other) = (gates[n].clone(), gates[1 - n].clone());
        spawn_task(async move {
            let _counted = counted;
            poll_fn(|context| {
                if stop.get() {
                    other.open();
                    return Poll::Ready(());
                }
                own.0.waker.set(Some(context.waker().clone()));
                other.knock();
                Poll::Pending
            })
            .await;
        });
    }
    for _ in 0..20 {
        sleep(0.0001)?;
    }
    gates[0].knock();
    stop.set(true);
    gates.iter().for_each(Gate::knock);
    while count.get() > 0 {
        sleep(0)?;
    }
    Ok(())
}
