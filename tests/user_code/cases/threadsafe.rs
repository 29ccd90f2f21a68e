//! Results, events and queues for several threads.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{ExpectedError, LONG, Outcome};
use crate::trap::{Case, Code, Trap, Value, any, ok};
use gevent::hub::Source;
use gevent::threadsafe::{AsyncResult, Event, Queue};
use gevent::{Exception, run_in_thread, sleep, spawn};

fn others(result: &AsyncResult<Value>) {
    assert!(result.exception().is_none());
    let _ = (result.ready(), result.linkcount(), format!("{result:?}"));
    any(result.get());
    result.set(Value::plain(8));
    assert_eq!(result.get().expect("it was set").number, 8);
    assert_eq!(result.get_nowait().expect("it was set").number, 8);
}

fn after(result: &AsyncResult<Value>) {
    let got = result.get_timeout(LONG).expect("it was set");
    assert!([7, 8].contains(&got.number), "{}", got.number);
    let its = result.clone();
    let thread = std::thread::spawn(move || its.get().map(|value| value.number));
    let got = thread.join().expect("it does not panic");
    assert!([7, 8].contains(&got.expect("it was set")));
}

fn waits(result: &AsyncResult<Value>) -> Outcome {
    result.get().map(drop)
}

struct Own(Trap);

impl Source<Value> for Own {
    fn exception(&self) -> Option<Exception> {
        None
    }

    fn value(&self) -> Option<Value> {
        self.0.spring();
        Some(Value::plain(7))
    }
}

#[test]
fn values_of_results() {
    let run = |names, calls| {
        Case {
            names,
            make: |_| AsyncResult::new(),
            calls,
            others,
            waits: Some(waits),
            after,
        }
        .run();
    };
    run(
        &["threadsafe::AsyncResult::{get, get_nowait, get_timeout, result, value, wait} | Clone"],
        vec![
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                r.get().map(drop)
            },
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                r.get_nowait().map(drop)
            },
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                r.get_timeout(LONG).map(drop)
            },
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                r.result(LONG).map(drop)
            },
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                r.wait(LONG).map(drop)
            },
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                ok(r.value())
            },
        ],
    );
    run(
        &["threadsafe::AsyncResult::value | Clone"],
        vec![|r, trap| {
            r.set(Value::trapped(7, Code::Clone, trap));
            assert!(Source::exit(r).is_none() && Source::exception(r).is_none());
            ok(Source::value(r))
        }],
    );
    Case {
        names: &["threadsafe::AsyncResult::{drop, set, set_exception} | Drop"],
        make: |_| AsyncResult::new(),
        calls: vec![
            |r, trap| {
                r.set(Value::trapped(7, Code::Drop, trap));
                r.set(Value::plain(7));
                Ok(())
            },
            |r, trap| {
                r.set_exception(Value::trapped(7, Code::Drop, trap));
                r.set(Value::plain(7));
                r.set_exception(ExpectedError("another"));
                Ok(())
            },
            |r, trap| {
                let own = AsyncResult::new();
                own.set(Value::trapped(7, Code::Drop, trap));
                drop(own);
                r.set(Value::plain(7));
                Ok(())
            },
        ],
        others: |r| {
            let _ = (r.ready(), r.exception(), r.linkcount());
            r.set(Value::plain(8));
            assert_eq!(r.get().expect("it was set").number, 8);
        },
        waits: Some(waits),
        after: |r| {
            r.set(Value::plain(9));
            assert_eq!(r.get().expect("it was set").number, 9);
        },
    }
    .run();
    Case {
        names: &["threadsafe::AsyncResult::{as_link, call} | Source"],
        make: |_| AsyncResult::new(),
        calls: vec![
            |r: &AsyncResult<Value>, trap| {
                r.call(&Own(trap));
                Ok(())
            },
            |r, trap| {
                r.as_link()(&Own(trap));
                Ok(())
            },
        ],
        others: |r| r.set(Value::plain(8)),
        waits: Some(waits),
        after: |r| {
            if r.ready() {
                any(r.get());
            }
            r.set(Value::plain(9));
            assert_eq!(r.get().expect("it was set").number, 9);
        },
    }
    .run();
}

#[test]
fn links() {
    Case {
        names: &["threadsafe::AsyncResult::rawlink | Fn"],
        make: |_| (AsyncResult::new(), Rc::new(Cell::new(0))),
        calls: vec![|(r, called), trap| {
            let count = called.clone();
            r.rawlink(move |_| trap.spring());
            r.rawlink(move |_| count.set(count.get() + 1));
            r.set(Value::plain(7));
            while called.get() == 0 {
                sleep(0)?;
            }
            Ok(())
        }],
        others: |(r, _)| others(r),
        waits: Some(|(r, _)| waits(r)),
        after: |(r, called)| {
            assert_eq!(called.get(), 1, "the other link");
            after(r);
        },
    }
    .run();
    Case {
        names: &["threadsafe::Event::rawlink | Fn"],
        make: |_| (Event::new(), Rc::new(Cell::new(0))),
        calls: vec![|(e, called), trap| {
            let count = called.clone();
            e.rawlink(move |_| trap.spring());
            e.rawlink(move |_| count.set(count.get() + 1));
            e.set();
            while called.get() == 0 {
                sleep(0)?;
            }
            Ok(())
        }],
        others: |(e, _)| {
            let _ = (e.is_set(), e.linkcount(), format!("{e:?}"));
            e.set();
        },
        waits: Some(|(e, _)| e.wait(None).map(drop)),
        after: |(e, called)| {
            assert_eq!(called.get(), 1, "the other link");
            assert!(e.wait(LONG).expect("nobody kills the test"));
        },
    }
    .run();
}

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
        waits: Some(|q| q.join(None).map(drop)),
        after: |q| {
            // The thread may still have one.
            let mut found = Vec::new();
            while !(found.contains(&10) && found.contains(&11)) {
                found.extend(drain(q));
                std::thread::yield_now();
            }
            assert_eq!(found.iter().filter(|number| **number < 50).count(), 2);
            while q.task_done().is_ok() {}
            assert!(q.join(LONG).expect("nobody kills the test"));
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
        waits: Some(|q| q.join(None).map(drop)),
        after: |q| {
            q.shutdown(true);
            assert!(q.is_empty() && q.get().is_err());
            while q.task_done().is_ok() {}
            assert!(q.join(LONG).expect("nobody kills the test"));
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
        assert_eq!(
            INSIDE.fetch_add(1, Ordering::SeqCst),
            0,
            "two threads have it"
        );
        let waits = CLONING.lock().expect("nobody panics").take();
        if let Some((begun, end)) = waits {
            begun.set();
            end.wait(None).expect("nobody kills it");
        }
        self.0.set(self.0.get() + 1);
        INSIDE.fetch_sub(1, Ordering::SeqCst);
        Slow(self.0.clone())
    }
}

/// In a thread whose clone waits, and in another that wants one, others go on; both get theirs.
#[test]
fn one_thread_clones_at_a_time_and_nobody_stands_still() -> Outcome {
    let _bounded = crate::support::bounded();
    let (result, queue) = (AsyncResult::new(), Queue::new());
    result.set(Slow(Cell::new(0)));
    queue.put(Slow(Cell::new(0)))?;
    let get: fn(&AsyncResult<Slow>, &Queue<Slow>) -> Outcome = |result, _| result.get().map(drop);
    let peek: fn(&AsyncResult<Slow>, &Queue<Slow>) -> Outcome = |_, queue| queue.peek().map(drop);
    let take: fn(&AsyncResult<Slow>, &Queue<Slow>) -> Outcome = |_, queue| queue.get().map(drop);
    for (first, second) in [(get, get), (peek, peek), (peek, take)] {
        let (begun, end) = (Event::new(), Event::new());
        *CLONING.lock().expect("nobody panics") = Some((begun.clone(), end.clone()));
        let its = (result.clone(), queue.clone());
        let slow = spawn(move || first(&its.0, &its.1));
        begun.wait(None)?;
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
