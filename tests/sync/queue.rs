//! The counterpart of gevent's test__queue.py, with its names: queues and channels. Tests of what all types of queues
//! have in common are in queue_waits.rs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{Log, TestResult, bounded};
use gevent::event::AsyncResult;
use gevent::exceptions::{InvalidSeconds, LoopExit};
use gevent::queue::{
    BaseJoinableQueue, Channel, Empty, LifoQueue, PriorityQueue, PutError, Queue, ShutDown, SimpleQueue, Storage,
    TaskDoneError,
};
use gevent::{Timeout, get_hub, getcurrent, joinall, sleep, spawn};

#[test]
fn test_init_and_bottleneck_methods() -> TestResult {
    #[derive(Clone, Default)]
    struct Counting(Vec<&'static str>, Rc<Cell<(u32, u32)>>);

    impl Storage for Counting {
        type Item = &'static str;
        const NAME: &'static str = "Counting";
        fn qsize(&self) -> usize {
            self.0.len()
        }
        fn put_item(&mut self, item: &'static str) {
            let (puts, gets) = self.1.get();
            self.1.set((puts + 1, gets));
            self.0.push(item);
        }
        fn get_item(&mut self) -> Option<&'static str> {
            let (puts, gets) = self.1.get();
            self.1.set((puts, gets + 1));
            self.0.pop()
        }
        fn peek_item(&self) -> Option<&&'static str> {
            self.0.last()
        }
    }

    let storage = Counting::default();
    let counts = storage.1.clone();
    let x = BaseJoinableQueue::with_storage(None, storage);
    x.put("hi")?;
    assert_eq!(x.get()?, "hi");
    assert_eq!(counts.get(), (1, 1));
    assert!(format!("{x:?}").starts_with("<Counting at 0x"));
    Ok(())
}

#[test]
fn test_get_nowait_simple() -> TestResult {
    let result: Log<Result<i32, bool>> = Log::new();
    let q = SimpleQueue::with_maxsize(1);
    q.put(4)?;
    for _ in 0..2 {
        let (q, result) = (q.clone(), result.clone());
        get_hub().loop_().run_callback(move || {
            result.add(q.get_nowait().map_err(|e| e.is::<Empty>()));
        })?;
    }
    sleep(0)?;
    assert_eq!(result.take(), [Ok(4), Err(true)]);
    Ok(())
}

#[test]
fn test_get_nowait_unlock() -> TestResult {
    let result: Log<i32> = Log::new();
    let q = SimpleQueue::with_maxsize(1);
    let its = q.clone();
    let p = spawn(move || its.put(5));
    assert!(q.empty());
    sleep(0)?;
    assert!(q.full());
    let (its, log) = (q.clone(), result.clone());
    get_hub()
        .loop_()
        .run_callback(move || its.get_nowait().map(|item| log.add(item)))?;
    sleep(0)?;
    assert!(q.empty() && p.ready() && p.dead());
    assert_eq!(result.take(), [5]);
    Ok(())
}

#[test]
fn test_get_nowait_unlock_channel() -> TestResult {
    let result: Log<i32> = Log::new();
    let q = Channel::new();
    let its = q.clone();
    let p = spawn(move || its.put(5));
    sleep(0.001)?;
    assert!(q.empty() && q.full());
    let (its, log) = (q.clone(), result.clone());
    get_hub()
        .loop_()
        .run_callback(move || its.get_nowait().map(|item| log.add(item)))?;
    sleep(0.001)?;
    assert_eq!(result.take(), [5]);
    assert!(p.ready() && p.dead() && q.empty());
    Ok(())
}

#[test]
fn test_send_first() -> TestResult {
    let q = SimpleQueue::new();
    q.put("hi")?;
    assert_eq!(q.peek()?, "hi");
    assert_eq!(q.get()?, "hi");
    Ok(())
}

#[test]
fn test_peek_empty() -> TestResult {
    let _bounded = bounded();
    let q: Queue<i32> = Queue::new();
    // No greenlet is left that could put an item.
    assert!(q.peek().unwrap_err().is::<LoopExit>());
    let g = spawn(move || q.peek_timeout(0.01));
    assert!(g.get().unwrap_err().is::<Empty>());
    Ok(())
}

#[test]
fn test_peek_multi_greenlet() -> TestResult {
    let q = Queue::new();
    let its = q.clone();
    let g = spawn(move || its.peek());
    sleep(0)?;
    q.put(1)?;
    assert_eq!(g.get()?, 1);
    assert_eq!(q.peek()?, 1);
    Ok(())
}

#[test]
fn test_max_size() -> TestResult {
    let q = Queue::with_maxsize(2);
    let results: Log<&str> = Log::new();
    let (its, log) = (q.clone(), results.clone());
    let p = spawn(move || {
        for item in ["a", "b", "c"] {
            its.put(item)?;
            log.add(item);
        }
        Ok("OK")
    });
    sleep(0)?;
    assert_eq!(results.len(), 2);
    assert_eq!(q.get()?, "a");
    sleep(0)?;
    assert_eq!(results.take(), ["a", "b", "c"]);
    assert_eq!((q.get()?, q.get()?), ("b", "c"));
    assert_eq!(p.get_timeout(0)?, "OK");
    Ok(())
}

#[test]
fn test_multiple_waiters() -> TestResult {
    let _bounded = bounded();
    let q = Queue::new();
    let results: Log<i32> = Log::new();
    let getters: Vec<_> = (0..4)
        .map(|_| {
            let (q, results) = (q.clone(), results.clone());
            spawn(move || {
                results.add(q.get()?);
                Ok(())
            })
        })
        .collect();
    sleep(0.001)?;
    for (item, count) in [(1, 1), (2, 2)] {
        q.put(item)?;
        sleep(0)?;
        assert_eq!(results.len(), count);
    }
    q.put(3)?;
    q.put(4)?;
    joinall(&getters)?;
    assert_eq!(results.take(), [1, 2, 3, 4]);
    Ok(())
}

/// A greenlet whose `get` is cut short by a timeout of 0 seconds.
fn times_out(q: &Queue<&'static str>) -> AsyncResult<&'static str> {
    let evt = AsyncResult::new();
    let (q, its) = (q.clone(), evt.clone());
    spawn(move || {
        let timeout = Timeout::start_new(0);
        match q.get() {
            Err(e) if timeout.caused(&e) => its.set("timed out"),
            got => its.set(got?),
        }
        Ok(())
    });
    evt
}

#[test]
fn test_waiters_that_cancel() -> TestResult {
    let q = Queue::new();
    assert_eq!(times_out(&q).get()?, "timed out");
    q.put("hi")?;
    assert_eq!(q.get()?, "hi");
    Ok(())
}

#[test]
fn test_senders_that_die() -> TestResult {
    let q = Queue::new();
    let its = q.clone();
    spawn(move || its.put("sent"));
    assert_eq!(q.get()?, "sent");
    Ok(())
}

#[test]
fn test_two_waiters_one_dies() -> TestResult {
    let q = Queue::new();
    let dying = times_out(&q);
    let its = q.clone();
    let waiting = spawn(move || its.get());
    sleep(0.01)?;
    q.put("hi")?;
    assert_eq!(dying.get()?, "timed out");
    assert_eq!(waiting.get()?, "hi");
    Ok(())
}

#[test]
fn test_two_bogus_waiters() -> TestResult {
    let q = Queue::new();
    let (e1, e2) = (times_out(&q), times_out(&q));
    sleep(0.01)?;
    q.put("sent")?;
    assert_eq!((e1.get()?, e2.get()?), ("timed out", "timed out"));
    assert_eq!(q.get()?, "sent");
    Ok(())
}

#[test]
fn test_zero_max_size() -> TestResult {
    let q = Channel::new();
    let (sends, receives) = (q.clone(), q.clone());
    let p1 = spawn(move || {
        sends.put("hi")?;
        Ok("done")
    });
    sleep(0.001)?;
    assert!(!p1.ready());
    let p2 = spawn(move || receives.get());
    assert_eq!(p2.get()?, "hi");
    assert_eq!(p1.get()?, "done");
    Ok(())
}

#[test]
fn test_send() -> TestResult {
    let channel = Channel::new();
    let events: Log<&str> = Log::new();
    let (its, log) = (channel.clone(), events.clone());
    let g = spawn(move || {
        log.add(its.get()?);
        log.add(its.get()?);
        Ok(())
    });
    events.add("sending");
    channel.put("hello")?;
    events.add("sent hello");
    channel.put("world")?;
    events.add("sent world");
    assert_eq!(events.take(), ["sending", "hello", "sent hello", "world", "sent world"]);
    g.get()
}

#[test]
fn test_wait() -> TestResult {
    let channel = Channel::new();
    let events: Log<&str> = Log::new();
    let (its, log) = (channel.clone(), events.clone());
    let g = spawn(move || {
        log.add("sending hello");
        its.put("hello")?;
        log.add("sending world");
        its.put("world")?;
        log.add("sent world");
        Ok(())
    });
    events.add("waiting");
    events.add(channel.get()?);
    events.add(channel.get()?);
    let so_far = ["waiting", "sending hello", "hello", "sending world", "world"];
    assert_eq!(events.take(), so_far);
    sleep(0)?;
    assert_eq!(events.take(), ["sent world"]);
    g.get()
}

#[test]
fn test_iterable() -> TestResult {
    let channel: Channel<Option<i32>> = Channel::new();
    let its = channel.clone();
    spawn(move || its.put(None));
    assert_eq!(channel.until_none().count(), 0);
    Ok(())
}

#[test]
fn test_task_done() -> TestResult {
    let channel = Queue::new();
    let its = channel.clone();
    spawn(move || its.put("X"));
    assert_eq!(channel.get()?, "X");
    assert_eq!(channel.unfinished_tasks(), 1);
    channel.task_done()?;
    assert_eq!(channel.unfinished_tasks(), 0);
    assert_eq!(channel.task_done(), Err(TaskDoneError));
    Ok(())
}

fn shutdown_all_methods<S: Storage<Item = &'static str>>(q: &BaseJoinableQueue<S>, immediate: bool) -> TestResult {
    q.put("L")?;
    q.put_nowait("O")?;
    q.shutdown(immediate);
    assert!(q.is_shutdown());
    assert!(q.put("E").unwrap_err().is::<ShutDown>());
    assert!(matches!(q.put_nowait("W"), Err(PutError::ShutDown("W"))));
    if immediate {
        assert_eq!(q.task_done(), Err(TaskDoneError));
    } else {
        for _ in 0..2 {
            assert!("LO".contains(q.get()?));
            q.task_done()?;
        }
    }
    assert!(q.join()?);
    for got in [q.get(), q.get_nowait(), q.get_timeout(1.0)] {
        assert!(got.unwrap_err().is::<ShutDown>());
    }
    Ok(())
}

#[test]
fn test_shutdown_all_methods_in_one_thread() -> TestResult {
    shutdown_all_methods(&Queue::new(), false)?;
    shutdown_all_methods(&LifoQueue::new(), false)?;
    shutdown_all_methods(&PriorityQueue::new(), false)
}

#[test]
fn test_shutdown_immediate_all_methods_in_one_thread() -> TestResult {
    shutdown_all_methods(&Queue::new(), true)?;
    shutdown_all_methods(&LifoQueue::new(), true)?;
    shutdown_all_methods(&PriorityQueue::new(), true)
}

#[test]
fn test_issue_45() -> TestResult {
    // Joining a queue into which nothing was put returns at once.
    assert!(Queue::<i32>::new().join()?);
    Ok(())
}

#[test]
fn negative_timeouts_are_errors() {
    let q = Queue::new();
    let put = q.put_timeout(1, -1.0);
    assert!(matches!(put, Err(PutError::Thrown(Some(1), e)) if e.is::<InvalidSeconds>()));
    assert!(q.get_timeout(-1.0).unwrap_err().is::<InvalidSeconds>());
    assert!(q.get_timeout(f64::NAN).unwrap_err().is::<InvalidSeconds>());
    assert!(q.peek_timeout(-1.0).unwrap_err().is::<InvalidSeconds>());
}

#[test]
fn more_maxsize_wakes_putters() -> TestResult {
    let q = Queue::with_maxsize(1);
    let putters: Vec<_> = (0..4)
        .map(|i| {
            let q = q.clone();
            spawn(move || q.put(i))
        })
        .collect();
    sleep(0)?;
    assert_eq!(q.putters(), 3);
    q.set_maxsize(3);
    sleep(0)?;
    assert_eq!((q.putters(), q.qsize(), q.maxsize()), (1, 3, Some(3)));
    q.set_maxsize(None);
    joinall(&putters)?;
    assert_eq!(q.copy().iter().take(4).collect::<Result<Vec<_>, _>>()?, [0, 1, 2, 3]);
    assert_eq!(q.len(), 4);
    Ok(())
}

/// An item that counts its living instances.
struct Counted(Rc<Cell<i32>>);

impl Counted {
    fn new(alive: &Rc<Cell<i32>>) -> Counted {
        alive.set(alive.get() + 1);
        Counted(alive.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[test]
fn items_come_back_or_are_dropped_once() -> TestResult {
    let _bounded = bounded();
    let alive = Rc::new(Cell::new(0));
    let q = Queue::with_maxsize(1);
    q.put(Counted::new(&alive))?;
    let item = q.put_nowait(Counted::new(&alive)).unwrap_err().into_item();
    assert_eq!(alive.get(), 2);
    let item = q.put_timeout(item.unwrap(), 0).unwrap_err().into_item();
    let (its, channel) = (q.clone(), Channel::new());
    let g = spawn(move || Ok(its.put_timeout(item.unwrap(), None).unwrap_err().into_item().is_some()));
    sleep(0)?;
    g.kill()?;
    assert!(g.get()?);
    assert_eq!(alive.get(), 1);
    let (its, item) = (channel.clone(), Counted::new(&alive));
    let g = spawn(move || its.put(item));
    sleep(0)?;
    assert_eq!(alive.get(), 2);
    g.kill()?;
    assert_eq!((alive.get(), channel.balance()), (1, 0));
    drop(q);
    assert_eq!(alive.get(), 0);
    Ok(())
}

#[test]
fn a_panicking_order_is_the_putters_problem() -> TestResult {
    #[derive(PartialEq, Eq)]
    struct Moody(i32);
    impl PartialOrd for Moody {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Moody {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            assert!(self.0 != 13 && other.0 != 13, "not today");
            self.0.cmp(&other.0)
        }
    }
    let _bounded = bounded();
    let reports = crate::support::Reports::new();
    let q = PriorityQueue::with_items(2, [Moody(1), Moody(2)]);
    let (a, b) = (q.clone(), q.clone());
    let bad = spawn(move || a.put(Moody(13)));
    let good = spawn(move || b.put(Moody(3)));
    sleep(0)?;
    assert_eq!(q.get()?.0, 1);
    bad.join()?;
    assert!(!bad.successful());
    reports.one_with("not today");
    // The order in the heap is not checked here, only the line.
    let _ = good.kill();
    assert_eq!((q.putters(), q.getters()), (0, 0));
    Ok(())
}

#[test]
fn shutdown_gives_items_back() -> TestResult {
    let q = Queue::with_maxsize(1);
    q.put("first")?;
    let back = Rc::new(RefCell::new(None));
    let (its, slot) = (q.clone(), back.clone());
    spawn(move || {
        if let Err(PutError::ShutDown(item)) = its.put_timeout("second", None) {
            slot.replace(Some(item));
        }
    });
    sleep(0)?;
    q.shutdown(false);
    sleep(0)?;
    assert_eq!(back.take(), Some("second"));
    assert_eq!(q.iter().collect::<Result<Vec<_>, _>>()?, ["first"]);
    Ok(())
}

#[test]
fn waits_say_where_and_on_what() -> TestResult {
    let q: Queue<i32> = Queue::new();
    let its = q.clone();
    let line = line!() + 1;
    let g = spawn(move || its.get());
    sleep(0)?;
    let blocked = get_hub().blocked_greenlets();
    let blocked = blocked.iter().find(|b| b.id == g.raw().id()).unwrap();
    assert_eq!(blocked.parked_at.file(), file!());
    assert_eq!(blocked.parked_at.line(), line);
    assert_eq!(blocked.waiting_on.unwrap().kind, "Queue");
    assert!(format!("{q:?}").contains(" getters[1]>"));
    g.kill()?;
    assert_ne!(getcurrent(), *g.raw());
    Ok(())
}

/// In gevent the greenlet that waits gets ShutDown, and the item stays in the queue.
#[test]
fn shutdown_leaves_no_item_behind() -> TestResult {
    let q = Queue::new();
    let getters = [(), ()].map(|()| {
        let q = q.clone();
        spawn(move || Ok(q.get().map_err(|e| e.is::<ShutDown>())))
    });
    sleep(0)?;
    q.put("last")?;
    q.shutdown(false);
    joinall(&getters)?;
    assert_eq!((getters[0].get()?, getters[1].get()?), (Ok("last"), Err(true)));
    Ok(())
}
