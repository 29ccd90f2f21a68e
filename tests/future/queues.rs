//! Queues and channels: futures and greenlets in one line.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use gevent::event::Event;
use gevent::future::{block_on, join_all, spawn_local};
use gevent::queue::{Channel, PriorityQueue, PutError, Queue, ShutDown};
use gevent::{get_hub, sleep, spawn};

use crate::support::{Log, TestResult, bounded};

/// Polls once, with a waker that does nothing.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn turns() -> TestResult {
    (0..4).try_for_each(|_| sleep(0))
}

#[test]
fn getters_are_served_in_order() -> TestResult {
    let _bounded = bounded();
    let (queue, log) = (Queue::new(), Log::<(i32, i32)>::new());
    for i in 0..6 {
        let (queue, log) = (queue.clone(), log.clone());
        if i % 2 == 0 {
            spawn_local(async move {
                let item = queue.get_async().await?;
                log.add((i, item));
                Ok(())
            });
        } else {
            spawn(move || {
                let item = queue.get()?;
                log.add((i, item));
                Ok(())
            });
        }
    }
    sleep(0)?;
    assert_eq!(queue.getters(), 6);
    for item in 0..6 {
        queue.put(item)?;
        turns()?;
    }
    assert_eq!(log.take(), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
    Ok(())
}

#[test]
fn putters_are_served_in_order() -> TestResult {
    let _bounded = bounded();
    let queue = Queue::with_maxsize(1);
    for i in 0..6 {
        let queue = queue.clone();
        if i % 2 == 0 {
            spawn_local(async move { Ok(queue.put_async(i).await?) });
        } else {
            spawn(move || queue.put(i));
        }
    }
    sleep(0)?;
    assert_eq!((queue.putters(), queue.qsize()), (5, 1));
    for item in 0..6 {
        assert_eq!(queue.get()?, item);
        turns()?;
    }
    assert_eq!((queue.putters(), queue.qsize()), (0, 0));
    Ok(())
}

/// What a future was told of, and has not taken, stays for others.
#[test]
fn no_item_is_lost_with_a_dropped_future() -> TestResult {
    let _bounded = bounded();
    let queue = Queue::new();
    let mut first = queue.get_async();
    assert!(poll(&mut first).is_pending());
    let second = spawn({
        let queue = queue.clone();
        move || queue.get()
    });
    sleep(0)?;
    queue.put(1)?;
    turns()?;
    // It is promised to the first: nobody else sees it.
    assert_eq!((queue.qsize(), queue.getters(), second.ready()), (0, 1, false));
    assert!(queue.get_nowait().is_err());
    drop(first);
    assert_eq!(second.get()?, 1);
    // One that was polled, and not told, leaves the line.
    let mut first = queue.get_async();
    assert!(poll(&mut first).is_pending());
    drop(first);
    assert_eq!(queue.getters(), 0);
    queue.put(2)?;
    assert_eq!(block_on(queue.get_async())??, 2);
    // A put that is dropped before its turn takes its item along, and later it does not.
    let queue = Queue::with_items(1, ["there"]);
    let mut puts = (queue.put_async("dropped"), queue.put_async("put"));
    assert!(poll(&mut puts.0).is_pending() && poll(&mut puts.1).is_pending());
    drop(puts.0);
    assert_eq!(queue.get()?, "there");
    turns()?;
    drop(puts.1);
    assert_eq!((queue.get()?, queue.putters(), queue.qsize()), ("put", 0, 0));
    Ok(())
}

#[test]
fn a_shutdown_ends_futures() -> TestResult {
    let _bounded = bounded();
    let (empty, full) = (Queue::<i32>::new(), Queue::with_items(1, [0]));
    let get = spawn_local({
        let queue = empty.clone();
        async move { queue.get_async().await }
    });
    let put = spawn_local({
        let queue = full.clone();
        async move { Ok(matches!(queue.put_async(7).await, Err(PutError::ShutDown(7)))) }
    });
    sleep(0)?;
    empty.shutdown(false);
    full.shutdown(false);
    assert!(get.get().unwrap_err().is::<ShutDown>());
    assert!(put.get()?);
    assert_eq!((empty.getters(), full.putters()), (0, 0));
    // What is left can still be got.
    assert_eq!(block_on(full.get_async())??, 0);
    assert!(block_on(full.get_async())?.unwrap_err().is::<ShutDown>());
    assert!(matches!(block_on(full.put_async(8))?, Err(PutError::ShutDown(8))));
    Ok(())
}

#[test]
fn a_priority_queue_gives_the_smallest() -> TestResult {
    let _bounded = bounded();
    let queue = PriorityQueue::new();
    let getter = spawn_local({
        let queue = queue.clone();
        async move { Ok((queue.get_async().await?, queue.get_async().await?)) }
    });
    sleep(0)?;
    block_on(join_all([3, 1, 2].map(|item| queue.put_async(item))))?;
    assert_eq!(getter.get()?, (1, 2));
    Ok(())
}

/// A consumer that always finds an item, and a producer that always finds space, let others run.
#[test]
fn others_have_their_turn() -> TestResult {
    let _bounded = bounded();
    let (queue, stop) = (Queue::new(), Event::new());
    let (its, ends) = (stop.clone(), queue.clone());
    let worker = spawn_local(async move {
        while !its.is_set() {
            ends.put_async(1).await?;
            ends.get_async().await?;
        }
        Ok(())
    });
    sleep(0.002)?;
    stop.set();
    worker.get()
}

#[test]
fn channels_bring_futures_and_greenlets_together() -> TestResult {
    let _bounded = bounded();
    let channel = Channel::new();
    for (getter, putter) in [(false, false), (false, true), (true, false), (true, true)] {
        for getter_first in [false, true] {
            let (c, d) = (channel.clone(), channel.clone());
            let get = move || match getter {
                true => spawn_local(async move { c.get_async().await }),
                false => spawn(move || c.get()),
            };
            let put = move || match putter {
                true => spawn_local(async move { d.put_async(7).await }),
                false => spawn(move || d.put(7)),
            };
            let (get, put) = match getter_first {
                true => (get(), sleep(0).map(|()| put())?),
                false => {
                    let put = put();
                    sleep(0)?;
                    (get(), put)
                }
            };
            assert_eq!(get.get()?, 7);
            put.get()?;
            assert_eq!((channel.getters(), channel.putters()), (0, 0));
        }
    }
    Ok(())
}

#[test]
fn a_channel_loses_nothing_with_a_dropped_future() -> TestResult {
    let _bounded = bounded();
    let channel = Channel::new();
    let mut first = channel.get_async();
    assert!(poll(&mut first).is_pending());
    let putter = spawn({
        let channel = channel.clone();
        move || channel.put(5)
    });
    turns()?;
    // The first is told, and has not taken the item.
    assert!(!putter.ready());
    let second = spawn({
        let channel = channel.clone();
        move || channel.get()
    });
    turns()?;
    assert!(!second.ready());
    drop(first);
    assert_eq!(second.get()?, 5);
    putter.get()?;
    // The putter goes away before the future takes its item, which waits on then.
    let mut first = channel.get_async();
    assert!(poll(&mut first).is_pending());
    let killed = spawn({
        let channel = channel.clone();
        move || channel.put(6)
    });
    turns()?;
    killed.kill()?;
    assert!(poll(&mut first).is_pending());
    let putter = spawn({
        let channel = channel.clone();
        move || channel.put(7)
    });
    turns()?;
    assert_eq!(poll(&mut first), Poll::Ready(7));
    putter.get()?;
    let mut put = channel.put_async(8);
    assert!(poll(&mut put).is_pending());
    drop(put);
    assert_eq!((channel.getters(), channel.putters()), (0, 0));
    assert!(channel.get_nowait().is_err());
    Ok(())
}

/// In a callback of the hub, a get takes the item of a future that puts.
#[test]
fn the_hub_gets_from_a_future() -> TestResult {
    let _bounded = bounded();
    let channel = Channel::new();
    let putter = spawn_local({
        let channel = channel.clone();
        async move { channel.put_async(9).await }
    });
    sleep(0)?;
    let got = gevent::event::AsyncResult::new();
    let (its, result) = (channel, got.clone());
    get_hub().loop_().run_callback(move || -> TestResult {
        result.set(its.get()?);
        Ok(())
    })?;
    assert_eq!(got.get()?, 9);
    putter.get()
}
