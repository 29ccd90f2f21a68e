//! Queues for several threads, and values whose clones take their time.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{LONG, TestResult};
use crate::trap::{Case, Code, Value, any};
use gevent::threadsafe::{AsyncResult, Event, Queue};
use gevent::{run_in_thread, sleep, spawn};

fn drain(queue: &Queue<Value>) -> Vec<u32> {
    let next = || queue.get_nowait().ok().map(|item| item.number);
    std::iter::from_fn(next).collect()
}

fn use_queue(queue: &Queue<Value>) {
    let _ = (queue.qsize(), queue.full(), queue.maxsize(), queue.empty());
    let _ = (queue.getters(), queue.putters(), queue.is_shutdown());
    let _ = format!("{queue:?}");
    queue.put(Value::plain(50)).expect("there is space");
    any(queue.peek_nowait());
    any(queue.peek());
}

#[test]
fn items_of_queues() {
    Case {
        names: &["threadsafe::Queue::{peek, peek_nowait, peek_timeout} | Clone"],
        make: |trap| {
            let queue = Queue::new();
            for number in [10, 11] {
                let item = Value::trapped(number, Code::Clone, trap);
                queue.put(item).expect("there is space");
            }
            queue
        },
        calls: vec![
            |q, _| q.peek().map(|item| assert_eq!(item.number, 10)),
            |q, _| q.peek_nowait().map(drop),
            |q, _| q.peek_timeout(LONG).map(drop),
            |q, _| {
                // Somebody gets it meanwhile, in another thread.
                let its = q.clone();
                let thread = run_in_thread(move || {
                    let number = its.get()?.number;
                    its.put(Value::plain(number))
                })?;
                let peeked = q.peek();
                while !thread.is_finished() {
                    std::thread::yield_now();
                    any(sleep(0));
                }
                peeked.map(drop)
            },
        ],
        others: use_queue,
        waits: Some(|q| q.join().map(drop)),
        after: |q| {
            // The thread may still have one.
            let mut found = Vec::new();
            while !(found.contains(&10) && found.contains(&11)) {
                found.extend(drain(q));
                std::thread::yield_now();
            }
            assert_eq!(found.iter().filter(|number| **number < 50).count(), 2);
            while q.task_done().is_ok() {}
            assert!(q.join_timeout(LONG).expect("nobody kills the test"));
        },
    }
    .run();
    Case {
        names: &["threadsafe::Queue::{drop, shutdown} | Drop"],
        make: |_| Queue::new(),
        calls: vec![
            |q, trap| {
                q.put(Value::trapped(10, Code::Drop, trap))?;
                let mut items = q.iter();
                let _ = format!("{items:?}");
                items.next().expect("there is one").map(drop)
            },
            |q, trap| {
                q.put(Value::trapped(10, Code::Drop, trap))?;
                q.put(Value::plain(11))?;
                q.shutdown(true);
                Ok(())
            },
            |_, trap| {
                let own = Queue::new();
                own.put(Value::trapped(10, Code::Drop, trap))?;
                drop(own);
                Ok(())
            },
        ],
        others: |q| {
            let _ = (q.qsize(), format!("{q:?}"));
            any(q.get_nowait());
        },
        waits: Some(|q| q.join().map(drop)),
        after: |q| {
            q.shutdown(true);
            assert!(q.is_empty() && q.get().is_err());
            while q.task_done().is_ok() {}
            assert!(q.join_timeout(LONG).expect("nobody kills the test"));
        },
    }
    .run();
}

/// Whose clone waits until somebody says so, the first time; it cannot be shared by threads, which is noticed.
struct Slow(Cell<u32>);

static CLONING: Mutex<Option<(Event, Event)>> = Mutex::new(None);
static INSIDE: AtomicU32 = AtomicU32::new(0);

impl Clone for Slow {
    fn clone(&self) -> Slow {
        assert_eq!(INSIDE.fetch_add(1, Ordering::SeqCst), 0, "two threads have it");
        let waits = CLONING.lock().expect("nobody panics").take();
        if let Some((begun, end)) = waits {
            begun.set();
            end.wait().expect("nobody kills it");
        }
        self.0.set(self.0.get() + 1);
        INSIDE.fetch_sub(1, Ordering::SeqCst);
        Slow(self.0.clone())
    }
}

/// In a thread whose clone waits, and in another that wants one, others go on; both get theirs.
#[test]
fn one_thread_clones_at_a_time_and_nobody_stands_still() -> TestResult {
    let _bounded = crate::support::bounded();
    let (result, queue) = (AsyncResult::new(), Queue::new());
    result.set(Slow(Cell::new(0)));
    queue.put(Slow(Cell::new(0)))?;
    let get: fn(&AsyncResult<Slow>, &Queue<Slow>) -> TestResult = |result, _| result.get().map(drop);
    let peek: fn(&AsyncResult<Slow>, &Queue<Slow>) -> TestResult = |_, queue| queue.peek().map(drop);
    let take: fn(&AsyncResult<Slow>, &Queue<Slow>) -> TestResult = |_, queue| queue.get().map(drop);
    for (first, second) in [(get, get), (peek, peek), (peek, take)] {
        let (begun, end) = (Event::new(), Event::new());
        *CLONING.lock().expect("nobody panics") = Some((begun.clone(), end.clone()));
        let its = (result.clone(), queue.clone());
        let slow = spawn(move || first(&its.0, &its.1));
        begun.wait()?;
        let (its, told) = ((result.clone(), queue.clone()), end.clone());
        let other = run_in_thread(move || {
            let asks = spawn(move || second(&its.0, &its.1));
            for _ in 0..10 {
                sleep(0)?;
            }
            assert!(!asks.ready(), "one at a time");
            told.set();
            asks.get()
        })?;
        slow.get()?;
        while !other.is_finished() {
            sleep(0.0001)?;
        }
        other.join().expect("it does not panic")?;
    }
    Ok(())
}
