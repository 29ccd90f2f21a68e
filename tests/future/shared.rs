//! `SharedExecutor`: futures that share greenlets.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::io::Write;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;

use futures::FutureExt;
use gevent::event::{AsyncResult, Event};
use gevent::exceptions::LoopExit;
use gevent::future::{Async, SharedExecutor, block_on};
use gevent::queue::Queue;
use gevent::socket::UnixStream;
use gevent::{Exception, get_hub, getcurrent, iwait, sleep, spawn};
use greenlet_core::{greenlets, live_greenlets};

use crate::support::{Reports, TestResult, bounded};
use crate::{Counted, Gate};

/// How many greenlets there are. The hub is one of them.
fn living() -> Result<usize, Exception> {
    sleep(0)?;
    Ok(live_greenlets())
}

/// Waits until all futures are over, and their greenlets.
fn settle(live: usize) -> TestResult {
    while live_greenlets() > live {
        sleep(0)?;
    }
    Ok(())
}

#[test]
fn thousands_share_one_greenlet() -> TestResult {
    let _bounded = bounded();
    let live = living()?;
    let go = Event::new();
    let (sum, most, count) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    for n in 1..=2000 {
        let (go, sum, most) = (go.clone(), sum.clone(), most.clone());
        let counted = Counted::new(&count);
        SharedExecutor.spawn(async move {
            let _counted = counted;
            for _ in 0..3 {
                go.clone().await;
                most.set(most.get().max(live_greenlets() - live));
            }
            sum.set(sum.get() + n);
        })?;
    }
    sleep(0)?;
    assert_eq!((sum.get(), count.get()), (0, 2000));
    go.set();
    while count.get() > 0 {
        sleep(0)?;
    }
    settle(live)?;
    assert_eq!((sum.get(), count.get()), (2000 * 2001 / 2, 0));
    assert_eq!(most.get(), 1);
    Ok(())
}

#[test]
fn a_future_that_parks_its_greenlet_delays_no_other() -> TestResult {
    let _bounded = bounded();
    let live = living()?;
    let (open, over) = (Event::new(), Queue::new());
    for n in 0..100 {
        let (open, over) = (open.clone(), over.clone());
        SharedExecutor.spawn(async move {
            // Every second one parks in the midst of its poll.
            if n % 2 == 0 {
                open.wait().expect("nobody kills it");
            }
            over.put_async(n).await.expect("it has place");
        })?;
    }
    let mut odd = Vec::new();
    while odd.len() < 50 {
        odd.push(over.get()?);
    }
    // A future may give the hub its turn before it puts, so the order is not certain.
    odd.sort_unstable();
    assert_eq!(odd, (0..50).map(|n| 2 * n + 1).collect::<Vec<_>>());
    assert!(live_greenlets() - live >= 50);
    open.set();
    let mut even = Vec::new();
    while even.len() < 50 {
        even.push(over.get()?);
    }
    even.sort_unstable();
    assert_eq!(even, (0..50).map(|n| 2 * n).collect::<Vec<_>>());
    settle(live)
}

/// The future that parks is the first of those that are ready, so that the others are taken by another greenlet.
#[test]
fn futures_that_are_ready_meanwhile_are_polled_by_another_greenlet() -> TestResult {
    let _bounded = bounded();
    let live = living()?;
    let (gate, first, second) = (Gate::default(), AsyncResult::new(), AsyncResult::new());
    SharedExecutor.spawn({
        let (gate, first) = (gate.clone(), first.clone());
        async move {
            gate.pass().await;
            first.set(getcurrent());
        }
    })?;
    sleep(0)?;
    SharedExecutor.spawn({
        let (gate, second) = (gate.clone(), second.clone());
        async move {
            gate.open();
            sleep(0.001).expect("nobody kills it");
            second.set(getcurrent());
        }
    })?;
    assert!(first.get()? != second.get()?);
    drop((first, second));
    settle(live)
}

#[test]
fn a_panic_ends_its_future_alone() -> TestResult {
    let _bounded = bounded();
    let live = living()?;
    let reports = Reports::new();
    let (count, over) = (Rc::new(Cell::new(0)), Queue::new());
    for n in 0..10 {
        let (counted, over) = (Counted::new(&count), over.clone());
        SharedExecutor.spawn(async move {
            let _counted = counted;
            assert!(n % 5 != 3, "on purpose");
            over.put_async(n).await.expect("it has place");
        })?;
    }
    while count.get() > 0 {
        sleep(0)?;
    }
    settle(live)?;
    let mut left = Vec::new();
    while let Ok(n) = over.get_nowait() {
        left.push(n);
    }
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 4, 5, 6, 7, 9]);
    assert_eq!(reports.take().matches("on purpose").count(), 2);
    Ok(())
}

#[test]
fn whoever_is_killed_others_go_on() -> TestResult {
    let _bounded = bounded();
    let live = living()?;
    let before = greenlets();
    let (gate, over) = (Gate::default(), AsyncResult::new());
    SharedExecutor.spawn({
        let (gate, over) = (gate.clone(), over.clone());
        async move {
            gate.pass().await;
            over.set(());
        }
    })?;
    sleep(0)?;
    // The greenlet that waits for work.
    let workers: Vec<_> = greenlets().into_iter().filter(|one| !before.contains(one)).collect();
    let [worker] = &workers[..] else { panic!("{workers:?}") };
    let killed = worker.clone();
    get_hub()
        .loop_()
        .run_callback(move || killed.throw(gevent::GreenletExit).map(drop))?;
    sleep(0)?;
    assert!(worker.dead());
    gate.open();
    over.get()?;
    drop(workers);
    settle(live)
}

#[test]
fn a_future_that_wakes_itself_lets_the_hub_have_its_turn() -> TestResult {
    let _bounded = bounded();
    let live = living()?;
    let stop = Rc::new(Cell::new(false));
    for _ in 0..3 {
        let stop = stop.clone();
        SharedExecutor.spawn(poll_fn(move |context| match stop.get() {
            true => Poll::Ready(()),
            false => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }))?;
    }
    sleep(0.01)?;
    stop.set(true);
    settle(live)
}

#[test]
fn other_threads_wake_futures_and_the_loop_runs_on_for_them() -> TestResult {
    let _bounded = bounded();
    let live = living()?;
    let (sender, receiver) = mpsc::channel::<Waker>();
    let waking = thread::spawn(move || {
        for waker in receiver {
            thread::yield_now();
            waker.wake();
        }
    });
    let over = AsyncResult::new();
    for n in 0..10 {
        let (sender, over) = (sender.clone(), over.clone());
        let mut left = 100;
        SharedExecutor.spawn(async move {
            poll_fn(|context| {
                if left == 0 {
                    return Poll::Ready(());
                }
                left -= 1;
                sender.send(context.waker().clone()).expect("the thread runs");
                Poll::Pending
            })
            .await;
            if n == 9 {
                over.set(());
            }
        })?;
    }
    drop(sender);
    over.get()?;
    settle(live)?;
    waking.join().expect("it does not panic");
    Ok(())
}

#[test]
fn futures_that_nobody_can_wake_do_not_keep_the_loop_running() -> TestResult {
    let _bounded = bounded();
    thread::spawn(|| -> Result<(), String> {
        let (never, over) = (Event::new(), AsyncResult::<()>::new());
        SharedExecutor
            .spawn({
                let (never, over) = (never.clone(), over.clone());
                async move {
                    never.await;
                    over.set(());
                }
            })
            .map_err(|error| error.to_string())?;
        let error = over.get().expect_err("nobody sets it");
        let exit = error.downcast_ref::<LoopExit>().ok_or(format!("{error:?}"))?;
        assert_eq!(exit.blocked.len(), 1);
        // It goes on all the same when somebody does wake it.
        never.set();
        over.get().map_err(|error| error.to_string())
    })
    .join()
    .expect("it does not panic")
    .map_err(|message| panic!("{message}"))
}

/// Futures that refer to themselves, by an object that keeps their waker, are dropped with the hub.
#[test]
fn the_end_of_the_hub_drops_the_futures() {
    let _bounded = bounded();
    let (sender, dropped) = mpsc::channel();
    struct Told(mpsc::Sender<u32>, u32);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.send(self.1).expect("somebody listens");
        }
    }
    for how in 0..2 {
        let sender = sender.clone();
        let body = move || -> TestResult {
            for n in 0..3 {
                let told = Told(sender.clone(), n);
                let gate = Gate::default();
                SharedExecutor.spawn(async move {
                    let _told = told;
                    match n {
                        0 => pending().await,
                        1 => gate.pass().await,
                        _ => {
                            let never = Event::new();
                            never.clone().await;
                            drop(never);
                        }
                    }
                })?;
            }
            sleep(0)
        };
        let thread = thread::spawn(move || match how {
            0 => body().expect("nothing fails"),
            _ => gevent::run(body).expect("nothing fails"),
        });
        thread.join().expect("it does not panic");
        let mut all: Vec<_> = dropped.try_iter().collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
    }
}

#[test]
fn wakers_may_be_used_late_and_by_each_other() -> TestResult {
    let _bounded = bounded();
    let live = living()?;
    let kept = Rc::new(RefCell::new(Vec::<Waker>::new()));
    let over = Event::new();
    for n in 0..5 {
        let (kept, over) = (kept.clone(), over.clone());
        let mut polls = 0;
        SharedExecutor.spawn(poll_fn(move |context| {
            polls += 1;
            let others: Vec<_> = kept.borrow().clone();
            others.iter().for_each(Waker::wake_by_ref);
            kept.borrow_mut().push(context.waker().clone());
            if polls == 4 && n == 0 {
                over.set();
            }
            match polls {
                4 => Poll::Ready(()),
                _ => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        }))?;
    }
    over.wait()?;
    settle(live)?;
    kept.borrow().iter().for_each(Waker::wake_by_ref);
    sleep(0)
}

#[test]
fn a_future_spawns_others_and_waits_for_greenlets() -> TestResult {
    let _bounded = bounded();
    let live = living()?;
    let sum = AsyncResult::new();
    SharedExecutor.spawn({
        let sum = sum.clone();
        async move {
            let part = AsyncResult::new();
            SharedExecutor
                .spawn({
                    let part = part.clone();
                    async move { part.set(spawn(|| sleep(0).map(|()| 20)).await.expect("it does not fail")) }
                })
                .expect("it may wait");
            // A greenlet is waited for in the midst of a poll, too.
            let other = spawn(|| sleep(0).map(|()| 1));
            let first = iwait([other])
                .expect("it may wait")
                .next()
                .expect("there is one")
                .expect("it ends");
            sum.set(part.await.expect("it is set") + first.get().expect("it does not fail"));
        }
    })?;
    assert_eq!(sum.get()?, 21);
    settle(live)
}

#[test]
fn futures_are_spawned_in_the_hub_and_by_tasks() -> TestResult {
    let _bounded = bounded();
    let live = living()?;
    let over = AsyncResult::new();
    get_hub().loop_().run_callback({
        let over = over.clone();
        move || SharedExecutor.spawn(async move { over.set(7) })
    })?;
    assert_eq!(over.get()?, 7);
    let over = AsyncResult::new();
    let its = over.clone();
    block_on(async move { SharedExecutor.spawn(spawn(|| 8).into_future().map(move |value| its.set(value))) })??;
    assert_eq!(over.get()??, 8);
    settle(live)
}

#[test]
fn it_is_refused_when_the_thread_is_over() {
    struct Last(Option<mpsc::Sender<bool>>);
    impl Drop for Last {
        fn drop(&mut self) {
            let refused = SharedExecutor.spawn(pending::<()>()).is_err();
            self.0
                .take()
                .expect("it is set")
                .send(refused)
                .expect("somebody listens");
        }
    }
    thread_local!(static LAST: RefCell<Last> = const { RefCell::new(Last(None)) });
    let (sender, refused) = mpsc::channel();
    let thread = thread::spawn(move || {
        // It is destroyed after the greenlets' own state, as it was there before.
        LAST.with(|last| last.borrow_mut().0 = Some(sender));
        sleep(0).expect("nobody kills it");
    });
    thread.join().expect("it does not panic");
    assert_eq!(refused.recv(), Ok(true));
}

/// The events of all streams come in one iteration, in the midst of which the futures are polled. Every tenth of them
/// parks its greenlet.
#[test]
fn futures_of_many_streams_are_ready_at_once() -> TestResult {
    let _bounded = bounded();
    let live = living()?;
    let (got, open) = (Rc::new(Cell::new(0)), Event::new());
    let mut far = Vec::new();
    for n in 0..200 {
        let (near, its_far) = UnixStream::pair()?;
        far.push(its_far);
        let (got, open) = (got.clone(), open.clone());
        SharedExecutor.spawn(async move {
            let near = Async::new(near);
            for round in 0..3 {
                let mut buf = [0; 2];
                let read = poll_fn(|context| near.poll_read(context, &mut buf)).await;
                assert_eq!((read.expect("it is open"), buf[0]), (1, round));
                if n % 10 == 0 {
                    open.wait().expect("nobody kills it");
                }
                got.set(got.get() + 1);
            }
        })?;
    }
    sleep(0)?;
    for round in 0..3 {
        for far in &mut far {
            far.write_all(&[round])?;
        }
        let free = if round == 0 { 180 } else { 200 * usize::from(round + 1) };
        while got.get() < free {
            sleep(0)?;
        }
        assert_eq!(got.get(), free);
        open.set();
    }
    settle(live)
}
