//! Tests waits at every type of queue: the counterpart of tests in gevent's test__queue.py, with its names, and tests
//! of every place and moment at which a wait may be cut short.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::{LONG, Log, TestResult, bounded, outer_timeout_is_not_lost, returns_after_timeout};
use gevent::queue::{BaseQueue, Channel, Empty, Full, LifoQueue, PriorityQueue, PutError, Queue, SimpleQueue};
use gevent::{Exception, Greenlet, GreenletExit, Kill, Timeout, get_hub, sleep, spawn};

/// The methods of queues and channels that the tests use.
trait AnyQueue: Clone + 'static {
    fn put(&self, item: i32) -> TestResult;
    fn put_timeout(&self, item: i32, timeout: Option<f64>) -> Result<(), PutError<i32>>;
    fn put_nowait(&self, item: i32) -> Result<(), PutError<i32>>;
    fn get_timeout(&self, timeout: Option<f64>) -> Result<i32, Exception>;
    fn waiting(&self) -> (usize, usize);
    fn full(&self) -> bool;
    fn empty(&self) -> bool;

    fn get(&self) -> Result<i32, Exception> {
        self.get_timeout(None)
    }
}

macro_rules! any_queue {
    ($($type:ty as $base:ident;)*) => {$(
        impl AnyQueue for $type {
            fn put(&self, item: i32) -> TestResult {
                $base::put(self, item)
            }
            fn put_timeout(&self, item: i32, timeout: Option<f64>) -> Result<(), PutError<i32>> {
                $base::put_timeout(self, item, timeout)
            }
            fn put_nowait(&self, item: i32) -> Result<(), PutError<i32>> {
                $base::put_nowait(self, item)
            }
            fn get_timeout(&self, timeout: Option<f64>) -> Result<i32, Exception> {
                $base::get_timeout(self, timeout)
            }
            fn waiting(&self) -> (usize, usize) {
                ($base::putters(self), $base::getters(self))
            }
            fn full(&self) -> bool {
                $base::full(self)
            }
            fn empty(&self) -> bool {
                $base::empty(self)
            }
        }
    )*};
}

any_queue! {
    Queue<i32> as BaseQueue;
    SimpleQueue<i32> as BaseQueue;
    LifoQueue<i32> as BaseQueue;
    PriorityQueue<i32> as BaseQueue;
    Channel<i32> as Channel;
}

/// Runs a test for each type of queue, made for at most one item.
macro_rules! for_each_queue {
    ($test:ident) => {{
        let _bounded = bounded();
        $test(Queue::with_maxsize(1))?;
        $test(SimpleQueue::with_maxsize(1))?;
        $test(LifoQueue::with_maxsize(1))?;
        $test(PriorityQueue::with_maxsize(1))?;
        $test(Channel::new())
    }};
}

fn is_full<T>(put: &Result<(), PutError<T>>) -> bool {
    matches!(put, Err(PutError::Full(_)))
}

#[test]
fn test_put_nowait_simple() -> TestResult {
    fn test<Q: AnyQueue>(q: Q) -> TestResult {
        let result: Log<bool> = Log::new();
        let holds = !q.full();
        for item in [2, 3] {
            let (q, result) = (q.clone(), result.clone());
            get_hub()
                .loop_()
                .run_callback(move || result.add(is_full(&q.put_nowait(item))))?;
        }
        sleep(0)?;
        assert_eq!(result.take(), [!holds, true]);
        Ok(())
    }
    for_each_queue!(test)
}

#[test]
fn test_put_nowait_unlock() -> TestResult {
    fn test<Q: AnyQueue>(q: Q) -> TestResult {
        let result: Log<bool> = Log::new();
        let (its, log) = (q.clone(), result.clone());
        let p = spawn(move || its.get());
        assert!(q.empty());
        sleep(0.001)?;
        let q2 = q.clone();
        get_hub()
            .loop_()
            .run_callback(move || log.add(q2.put_nowait(10).is_ok()))?;
        assert!(!p.ready());
        sleep(0.001)?;
        assert_eq!(result.take(), [true]);
        assert!(p.ready() && q.empty());
        assert_eq!(p.get()?, 10);
        Ok(())
    }
    for_each_queue!(test)
}

#[test]
fn test_send_last() -> TestResult {
    fn test<Q: AnyQueue>(q: Q) -> TestResult {
        let its = q.clone();
        let p = spawn(move || {
            let _timeout = Timeout::start_new(LONG);
            its.get()
        });
        sleep(0.001)?;
        q.put(2)?;
        assert_eq!(p.get_timeout(LONG)?, 2);
        Ok(())
    }
    for_each_queue!(test)
}

/// gevent's TestGetInterrupt and TestPutInterrupt.
#[test]
fn test_returns_none_after_timeout() -> TestResult {
    fn test<Q: AnyQueue>(q: Q) -> TestResult {
        returns_after_timeout(|seconds| match q.get_timeout(Some(seconds)) {
            Err(e) if e.is::<Empty>() => Ok(()),
            got => panic!("{got:?}"),
        })?;
        if !q.full() {
            q.put(1)?;
        }
        returns_after_timeout(|seconds| match q.put_timeout(2, Some(seconds)) {
            Err(PutError::Full(2)) => Ok(()),
            put => panic!("{put:?}"),
        })
    }
    for_each_queue!(test)
}

#[test]
fn test_outer_timeout_is_not_lost() -> TestResult {
    fn test<Q: AnyQueue>(q: Q) -> TestResult {
        outer_timeout_is_not_lost(|seconds| q.get_timeout(Some(seconds)).map(drop));
        if !q.full() {
            q.put(1)?;
        }
        outer_timeout_is_not_lost(|seconds| Ok(q.put_timeout(2, Some(seconds))?));
        Ok(())
    }
    for_each_queue!(test)
}

/// An item that is put in the hub arrives in the greenlet that waits.
#[test]
fn an_item_put_in_the_hub_arrives() -> TestResult {
    fn test<Q: AnyQueue>(q: Q) -> TestResult {
        let its = q.clone();
        get_hub()
            .loop_()
            .run_callback(move || its.put_nowait(7).map_err(Exception::from))?;
        assert_eq!(q.get()?, 7);
        Ok(())
    }
    for_each_queue!(test)
}

/// The ways to cut a wait short.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Killed,
    TimedOut,
    /// By a `Timeout` of the greenlet.
    Timeout,
    /// The greenlet's stack is unwound while it is parked.
    Unwound,
}

const ENDS: [End; 4] = [End::Killed, End::TimedOut, End::Timeout, End::Unwound];

/// The number of moments at which a wait is cut short.
const MOMENTS: usize = 4;

/// A greenlet's wait in a get (or put) is cut short, in each way and at each moment: before, in the same round as, and
/// after the item for which it waits. Then one of the two getters must have the item, or it must still be there, and no
/// greenlet may be left in line.
#[test]
fn every_wait_can_end_at_every_moment() -> TestResult {
    let _bounded = bounded();
    for end in ENDS {
        for moment in 0..MOMENTS {
            for gets in [true, false] {
                let case = format!("{end:?} at {moment}, gets {gets}");
                cut_short(Queue::with_maxsize(1), end, moment, gets, &case)?;
                cut_short(SimpleQueue::with_maxsize(1), end, moment, gets, &case)?;
                cut_short(LifoQueue::with_maxsize(1), end, moment, gets, &case)?;
                cut_short(PriorityQueue::with_maxsize(1), end, moment, gets, &case)?;
                cut_short(Channel::new(), end, moment, gets, &case)?;
            }
        }
    }
    Ok(())
}

fn cut_short<Q: AnyQueue>(q: Q, end: End, moment: usize, gets: bool, case: &str) -> TestResult {
    let holds = !q.full();
    if !gets && holds {
        q.put(100)?;
    }
    // The wait of the first greenlet is cut short; the second one is behind it in the line.
    let taken: Log<i32> = Log::new();
    let victim_waits = Rc::new(Cell::new(true));
    let seconds = (end == End::TimedOut).then_some(0.0);
    let wait = |number: i32, seconds: Option<f64>, timeout: Option<f64>| -> Greenlet<()> {
        let (q, taken, waits) = (q.clone(), taken.clone(), victim_waits.clone());
        spawn(move || {
            let limit = Timeout::new(timeout);
            limit.start()?;
            let ended = if gets {
                q.get_timeout(seconds).map(|item| taken.add(item))
            } else {
                q.put_timeout(number, seconds).map_err(Exception::from)
            };
            if number == 1 {
                waits.set(false);
            }
            match ended {
                Err(e) if e.is::<GreenletExit>() || e.is::<Empty>() || e.is::<Full>() => Ok(()),
                Err(e) if limit.caused(&e) => Ok(()),
                ended => ended,
            }
        })
    };
    let victim = wait(1, seconds, (end == End::Timeout).then_some(0.0));
    let other = wait(2, None, None);
    let cut = || -> TestResult {
        match end {
            End::Killed => victim.kill_with(Kill::default().nonblocking()).map(drop),
            End::Unwound => {
                // Its turn may come, and be over, before that.
                victim.raw().unwind();
                Ok(())
            }
            // These waits end by themselves when their time is over.
            End::TimedOut | End::Timeout => Ok(()),
        }
    };
    let serve = || -> Result<Option<Greenlet<i32>>, Exception> {
        if gets {
            let q = q.clone();
            Ok(Some(spawn(move || q.put(7).map(|()| 0))))
        } else {
            let q = q.clone();
            Ok(Some(spawn(move || q.get())))
        }
    };
    let mut server = None;
    if moment == 0 {
        cut()?;
    }
    if moment < 3 {
        sleep(0)?; // they wait
    }
    if moment == 1 {
        cut()?;
        server = serve()?;
    }
    if moment == 2 {
        server = serve()?;
        cut()?;
    }
    if moment == 3 {
        server = serve()?;
        sleep(0)?;
        cut()?;
    }
    let server = match server {
        Some(server) => server,
        None => serve()?.expect("it serves"),
    };
    sleep(0)?;
    sleep(0.001)?;
    // Timeouts come last of the events in the same iteration.
    sleep(0)?;
    // All other greenlets are served now.
    let mut items = taken.take();
    if gets {
        assert!(server.ready(), "{case}");
        if !other.ready() {
            assert_eq!(items, [7], "{case}: the victim has it");
            q.put(8)?;
            items.clear();
            other.join()?;
            assert_eq!(taken.take(), [8], "{case}");
        } else {
            assert_eq!(items, [7], "{case}: the other has it");
        }
        assert!(q.empty(), "{case}");
    } else {
        let mut got = vec![server.get()?];
        while let Ok(item) = q.get_timeout(Some(0.001)) {
            got.push(item);
        }
        got.retain(|item| *item != 100);
        got.sort_unstable();
        assert!(got == [2] || got == [1, 2], "{case}: {got:?}");
        assert!(other.ready() && other.successful(), "{case}");
    }
    assert_eq!(q.waiting(), (0, 0), "{case}");
    if end == End::Unwound {
        assert!(victim.raw().dead() || !victim_waits.get(), "{case}");
    }
    Ok(())
}
