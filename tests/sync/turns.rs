//! Tests that a greenlet which always finds an item lets others run, and that no item is lost by that. gevent has no
//! counterpart: such a greenlet starves all others there.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use gevent::queue::{Channel, LifoQueue, PriorityQueue, Queue, SimpleQueue};
use gevent::{GreenletExit, Timeout, sleep, spawn, threadsafe};

use crate::support::{LONG, Reports, TestResult, bounded};

/// Checks that `work`, which never ends by itself, is ended by a timeout and by a kill, and that another greenlet has
/// its turns meanwhile.
fn ends(work: impl Fn() -> TestResult + 'static) -> TestResult {
    let beats = Rc::new(Cell::new(0));
    let heart = spawn({
        let beats = beats.clone();
        move || -> TestResult {
            loop {
                beats.set(beats.get() + 1);
                sleep(0.001)?;
            }
        }
    });
    // The work has begun, and the other greenlet's next beat comes before the timeout.
    sleep(0.002)?;
    let before = beats.get();
    let timeout = Timeout::new(0.05);
    let error = timeout.with(&work).unwrap_err();
    assert!(timeout.caused(&error), "{error:?}");
    assert!(beats.get() > before);

    let worker = spawn(work);
    sleep(0.01)?;
    worker.kill()?;
    assert!(worker.get().unwrap_err().is::<GreenletExit>());
    heart.kill()
}

/// Runs the block with each type of queue.
macro_rules! each_queue {
    ([$($type:ident),*], $queue:ident => $body:block) => {$({
        let $queue = $type::new();
        $body
    })*};
}
use threadsafe::Queue as SafeQueue;

#[test]
fn a_consumer_of_a_queue_that_is_never_empty() -> TestResult {
    let _bounded = bounded();
    each_queue!([Queue, SimpleQueue, LifoQueue, PriorityQueue, SafeQueue], queue => {
        (0..10).try_for_each(|i| queue.put(i))?;
        let its = queue.clone();
        ends(move || loop {
            let item = its.get()?;
            its.put(item)?;
        })?;
        // The work was ended in `get` each time, so all items are there.
        let mut items = (0..10).map(|_| queue.get_nowait()).collect::<Result<Vec<_>, _>>()?;
        items.sort_unstable();
        assert!(items.iter().copied().eq(0..10), "{items:?}");
        assert!(queue.is_empty());
    });
    Ok(())
}

#[test]
fn a_consumer_that_takes_its_time() -> TestResult {
    let _bounded = bounded();
    let queue = Queue::with_items(None, 0..1_000);
    let (its, beats) = (queue.clone(), Rc::new(Cell::new(0)));
    let heart = spawn({
        let beats = beats.clone();
        move || -> TestResult {
            loop {
                sleep(0.001)?;
                beats.set(beats.get() + 1);
            }
        }
    });
    // The consumer may have as many turns as there are slow greenlets at most: a few, but not fifty.
    let consumer = spawn(move || {
        let mut most = 0;
        let mut last = (0, 0);
        for got in 0..100 {
            its.get()?;
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(6) {
                std::hint::spin_loop();
            }
            if beats.get() != last.0 {
                most = most.max(got - last.1);
                last = (beats.get(), got);
            }
        }
        Ok(most)
    });
    let most = consumer.get()?;
    assert!((1..20).contains(&most), "{most}");
    assert_eq!(queue.qsize(), 900);
    heart.kill()
}

#[test]
fn two_that_hand_items_to_each_other() -> TestResult {
    let _bounded = bounded();
    let (queue, channel) = (Queue::with_maxsize(1), Channel::new());
    let (puts, sends) = (queue.clone(), channel.clone());
    let producers = [
        spawn(move || (0_u64..).try_for_each(|i| puts.put(i))),
        spawn(move || (0_u64..).try_for_each(|i| sends.put(i))),
    ];
    let its = queue.clone();
    ends(move || {
        loop {
            its.get()?;
        }
    })?;
    ends(move || {
        loop {
            channel.get()?;
        }
    })?;
    gevent::killall(&producers)
}

/// As in gevent, a greenlet that sees an item can have it: no other greenlet takes it meanwhile.
#[test]
fn an_item_that_was_seen_is_there() -> TestResult {
    let _bounded = bounded();
    each_queue!([Queue, SimpleQueue, LifoQueue, PriorityQueue], queue => {
        let total = 200_000;
        (0..total).try_for_each(|i| queue.put(i))?;
        let got = Rc::new(Cell::new(0));
        let consumers = [0, 1, 2].map(|_| {
            let (queue, got) = (queue.clone(), got.clone());
            spawn(move || -> TestResult {
                while !queue.is_empty() {
                    queue.get()?;
                    got.set(got.get() + 1);
                }
                Ok(())
            })
        });
        gevent::joinall_timeout(&consumers, LONG)?;
        assert!(consumers.iter().all(|consumer| consumer.successful()));
        assert_eq!(got.get(), total);
    });
    Ok(())
}

/// The queue is shut down while an item is reserved for a `get`.
#[test]
fn a_shutdown_meanwhile() -> TestResult {
    let _bounded = bounded();
    let _reports = Reports::new();
    for immediate in [false, true] {
        let queue = Queue::with_items(None, [0]);
        let its = queue.clone();
        let consumer = spawn(move || -> TestResult {
            loop {
                let item = its.get()?;
                its.put(item)?;
                its.task_done()?;
            }
        });
        sleep(0.02)?;
        queue.shutdown(immediate);
        consumer.join_timeout(LONG)?;
        let error = consumer.exception().expect("it cannot go on");
        assert!(error.is::<gevent::queue::ShutDown>(), "{error:?}");
        assert!(queue.is_empty());
    }
    Ok(())
}
