//! Queues.

use std::collections::VecDeque;

use crate::support::{LONG, TestResult};
use crate::trap::{Case, Code, Trap, Value, any, ok};
use gevent::queue::{
    BaseJoinableQueue, BaseQueue, Channel, LifoQueue, PriorityQueue, PutError, Queue, SimpleQueue, Storage,
};

/// All numbers that are in it.
pub(super) fn drain<S: Storage<Item = Value>>(queue: &BaseQueue<S>) -> Vec<u32> {
    let next = || queue.get_nowait().ok().map(|item| item.number);
    std::iter::from_fn(next).collect()
}

/// Everything that can be done with a queue.
pub(super) fn use_it<S: Storage<Item = Value>>(queue: &BaseQueue<S>) {
    let _ = (queue.qsize(), queue.len(), queue.full(), queue.maxsize());
    let _ = (queue.empty(), queue.is_empty(), queue.getters(), queue.putters());
    let _ = (format!("{queue:?}"), queue.same(queue));
    queue.put(Value::plain(50)).expect("there is space");
    drop(queue.put_nowait(Value::plain(51)));
    any(queue.peek_nowait().map(drop));
    drop(queue.put_timeout(Value::plain(52), 0));
}

/// What was put, and by [`use_it`], is there once, or was got.
pub(super) fn is_complete<S: Storage<Item = Value>>(queue: &BaseQueue<S>, expected: &[u32]) -> Vec<u32> {
    let found = drain(queue);
    for number in expected {
        let times = found.iter().filter(|other| *other == number).count();
        assert_eq!(times, 1, "{number} in {found:?}");
    }
    let used = found.iter().filter(|number| **number >= 50).count();
    assert!(used == 0 || used == 3, "{found:?}");
    found
}

/// A queue in which somebody waits for an item that comes last of all.
pub(super) fn waits_for_tasks<S: Storage<Item = Value>>(queue: &BaseJoinableQueue<S>) -> TestResult {
    queue.join().map(drop)
}

pub(super) fn all_done<S: Storage<Item = Value>>(queue: &BaseJoinableQueue<S>) {
    while queue.task_done().is_ok() {}
    assert!(queue.join_timeout(LONG).expect("nobody kills the test"));
    queue.put(Value::plain(1)).expect("there is space");
    assert_eq!(queue.get().expect("it was put").number, 1);
    assert_eq!(queue.unfinished_tasks(), 1);
    queue.task_done().expect("there is one");
}

macro_rules! peeks {
    ($queue:ident, $first:expr) => {
        Case {
            names: &["queue::BaseQueue::{peek, peek_nowait, peek_timeout} | Clone"],
            make: |trap| {
                let items = [10, 11].map(|n| Value::trapped(n, Code::Clone, trap));
                $queue::<Value>::with_items(None, items)
            },
            calls: vec![
                |q, _| q.peek().map(|item| assert_eq!(item.number, $first)),
                |q, _| q.peek_nowait().map(drop),
                |q, _| q.peek_timeout(LONG).map(drop),
                |q, _| {
                    // Somebody gets it meanwhile.
                    let its = q.clone();
                    let getter = gevent::spawn(move || {
                        let number = its.get()?.number;
                        its.put(Value::plain(number))
                    });
                    q.peek()?;
                    getter.get()
                },
            ],
            others: |q| use_it(q),
            waits: Some(waits_for_tasks),
            after: |q| {
                is_complete(q, &[10, 11]);
                all_done(q);
            },
        }
        .run();
    };
}

#[test]
fn items_that_are_peeked_at() {
    peeks!(Queue, 10);
    peeks!(LifoQueue, 11);
    peeks!(PriorityQueue, 10);
    Case {
        names: &["queue::BaseQueue::peek | Clone"],
        make: |_| SimpleQueue::new(),
        calls: vec![|q: &SimpleQueue<Value>, trap| {
            q.put(Value::trapped(10, Code::Clone, trap))?;
            q.peek().map(drop)
        }],
        others: |q| use_it(q),
        waits: Some(|q| q.peek().map(drop)),
        after: |q| drop(is_complete(q, &[10])),
    }
    .run();
}

#[test]
fn items_that_are_copied() {
    Case {
        names: &["queue::{BaseQueue, BaseJoinableQueue}::copy | Clone"],
        make: |trap| {
            let items = [10, 11].map(|n| Value::trapped(n, Code::Clone, trap));
            Queue::with_items(None, items)
        },
        calls: vec![
            |q: &Queue<Value>, _| {
                assert_eq!(drain(&q.copy()), [10, 11]);
                Ok(())
            },
            |q, _| {
                let simple: &BaseQueue<VecDeque<Value>> = q;
                assert_eq!(drain(&simple.copy()), [10, 11]);
                Ok(())
            },
        ],
        others: |q| use_it(q),
        waits: Some(waits_for_tasks),
        after: |q| {
            is_complete(q, &[10, 11]);
            all_done(q);
        },
    }
    .run();
}

/// A storage of the user's own, whose every method has a trap.
pub(super) struct Own(pub(super) Vec<Value>, pub(super) Trap);

impl Storage for Own {
    type Item = Value;
    const NAME: &'static str = "Own";

    fn qsize(&self) -> usize {
        if self.0.len() == 3 {
            self.1.spring();
        }
        self.0.len()
    }

    fn put_item(&mut self, item: Value) {
        self.0.push(item);
        self.1.spring();
    }

    fn get_item(&mut self) -> Option<Value> {
        if !self.0.is_empty() {
            self.1.spring();
        }
        self.0.pop()
    }

    fn peek_item(&self) -> Option<&Value> {
        self.1.spring();
        self.0.last()
    }
}

type OwnQueue = BaseJoinableQueue<Own>;

#[test]
fn storages_of_users() {
    let calls: Vec<fn(&OwnQueue, Trap) -> TestResult> = vec![
        |q, _| q.put(Value::plain(12)),
        |q, _| Ok(q.put_nowait(Value::plain(12))?),
        |q, _| Ok(q.put_timeout(Value::plain(12), LONG)?),
        |q, _| q.peek().map(drop),
        |q, _| q.peek_nowait().map(drop),
        |q, _| q.peek_timeout(LONG).map(drop),
        |q, _| q.get().and_then(|item| q.put(Value::plain(item.number))),
        |q, _| q.get_nowait().map(drop),
        |q, _| q.get_timeout(LONG).map(drop),
        |q, _| q.iter().next().expect("there are some").map(drop),
    ];
    Case {
        names: &["queue::BaseQueue::{clone, copy, fmt, drop, get, get_nowait, get_timeout, getters, iter, maxsize, next_item, peek, peek_nowait, peek_timeout, put, put_nowait, put_timeout, putters, same, set_maxsize, until_none} | Storage"],
        make: |trap| {
            let items = [10, 11].map(Value::plain);
            BaseJoinableQueue::with_storage(None, Own(items.into(), trap))
        },
        calls,
        others: |q| use_it(q),
        waits: Some(waits_for_tasks),
        after: |q| {
            let found = drain(q);
            let kept = [10, 11].iter().filter(|n| found.contains(n)).count();
            assert!(kept >= 1, "{found:?}");
            all_done(q);
        },
    }
    .run();
    Case {
        names: &["queue::BaseQueue::{qsize, len, empty, is_empty, full} | Storage"],
        make: |trap| {
            let items = [10, 11].map(Value::plain);
            BaseJoinableQueue::with_storage(5, Own(items.into(), trap))
        },
        calls: vec![|q, _| {
            // The third springs the trap, in one or the other.
            q.put(Value::plain(12))?;
            let _ = (q.qsize(), q.len(), q.empty(), q.is_empty(), q.full());
            q.set_maxsize(None);
            Ok(())
        }],
        others: |q| {
            let _ = (q.qsize(), q.len(), q.empty(), q.is_empty(), q.full());
            let _ = format!("{q:?}");
        },
        waits: Some(waits_for_tasks),
        after: |q| {
            let found = drain(q);
            assert!(found.contains(&10) && found.contains(&11), "{found:?}");
            all_done(q);
        },
    }
    .run();
    Case {
        names: &["queue::BaseJoinableQueue::{clone, copy, deref, drop, fmt, is_shutdown, join, same, shutdown, task_done, unfinished_tasks, with_storage, with_unfinished_tasks} | Storage"],
        make: |trap| {
            let items = [10, 11].map(Value::plain);
            BaseJoinableQueue::with_storage(None, Own(items.into(), trap))
        },
        calls: vec![|q, _| {
            q.shutdown(true);
            Ok(())
        }],
        others: |q| {
            let _ = (q.is_shutdown(), q.unfinished_tasks(), q.same(q));
            let _ = (format!("{q:?}"), q.task_done());
            any(q.get_nowait());
        },
        waits: Some(waits_for_tasks),
        after: |q| {
            q.shutdown(true);
            assert!(q.is_shutdown() && q.is_empty());
            while q.task_done().is_ok() {}
            assert!(q.join_timeout(LONG).expect("nobody kills the test"));
        },
    }
    .run();
}

#[test]
fn destructors_of_items() {
    Case {
        names: &["queue::BaseJoinableQueue::drop | Drop"],
        make: |trap| {
            let items = [Value::trapped(10, Code::Drop, trap), Value::plain(11)];
            Queue::with_items(None, items)
        },
        calls: vec![
            |q, _| {
                q.shutdown(true);
                Ok(())
            },
            |q, _| {
                drop(q.get()?);
                drop(q.get()?);
                q.shutdown(true);
                Ok(())
            },
        ],
        others: |q| {
            let _ = (q.is_shutdown(), q.qsize(), format!("{q:?}"));
            any(q.get_nowait());
            drop(q.put_nowait(Value::plain(13)));
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
    Case {
        names: &["queue::PriorityQueue::shutdown | Drop"],
        make: |trap| {
            let items = [Value::plain(10), Value::trapped(11, Code::Drop, trap)];
            PriorityQueue::with_items(None, items)
        },
        calls: vec![|q, _| {
            q.shutdown(true);
            Ok(())
        }],
        others: |q| drop(q.put_nowait(Value::plain(13))),
        waits: Some(|q| q.join().map(drop)),
        after: |q| {
            q.shutdown(true);
            assert!(q.is_empty() && q.is_shutdown() && q.get().is_err());
            while q.task_done().is_ok() {}
        },
    }
    .run();
    Case {
        names: &["queue::{BaseQueue, Channel, PutError, UntilNone, Iter}::drop | Drop"],
        make: |_| (),
        calls: vec![
            |(), trap| {
                let queue = SimpleQueue::with_items(None, [Value::trapped(10, Code::Drop, trap)]);
                drop(queue);
                Ok(())
            },
            |(), trap| {
                let full = Queue::with_items(1, [Value::plain(1)]);
                let refused = full.put_nowait(Value::trapped(10, Code::Drop, trap));
                assert!(matches!(refused, Err(PutError::Full(_))));
                Ok(())
            },
            |(), trap| {
                let channel = Channel::new();
                channel.put_nowait(Value::trapped(10, Code::Drop, trap))?;
                Ok(())
            },
            |(), trap| {
                let queue = Queue::with_items(None, [Some(Value::trapped(1, Code::Drop, trap)), None]);
                let got = queue.until_none().count();
                assert_eq!(got, 1);
                Ok(())
            },
        ],
        others: |()| {},
        waits: None,
        after: |()| {},
    }
    .run();
}

/// All are dropped, whoever panics.
#[test]
fn a_queue_drops_all_items_whichever_panics() {
    struct Counted(std::rc::Rc<std::cell::Cell<u32>>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            assert!(self.0.get() > 2, "two of them panic");
        }
    }
    let dropped = std::rc::Rc::new(std::cell::Cell::new(0));
    let queue = Queue::with_items(None, (0..5).map(|_| Counted(dropped.clone())));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(queue)));
    assert!(caught.is_err());
    assert_eq!(dropped.get(), 5);
}

#[test]
fn channels() {
    Case {
        names: &["queue::Channel::drop | Drop"],
        make: |_| Channel::new(),
        calls: vec![|c: &Channel<Value>, trap| {
            let its = c.clone();
            let getter = gevent::spawn(move || its.get().map(drop));
            c.put(Value::trapped(10, Code::Drop, trap))?;
            getter.join()
        }],
        others: |c| {
            let _ = (c.balance(), c.getters(), c.putters(), format!("{c:?}"));
            any(c.get_nowait());
            drop(c.put_nowait(Value::plain(1)));
        },
        waits: None,
        after: |c| {
            let its = c.clone();
            let getter = gevent::spawn(move || its.get().map(|item| item.number));
            c.put(Value::plain(3)).expect("somebody gets it");
            assert_eq!(getter.get().expect("it was put"), 3);
        },
    }
    .run();
}

#[test]
fn items_from_iterators_and_what_shows_them() {
    Case {
        names: &["queue::{BaseQueue, BaseJoinableQueue}::with_items | Iterator"],
        make: |_| (),
        calls: vec![
            |(), trap| {
                let items = (0..3).inspect(|_| trap.spring()).map(Value::plain);
                ok(Queue::with_items(None, items))
            },
            |(), trap| {
                let items = (0..3).inspect(|_| trap.spring()).map(Value::plain);
                ok(SimpleQueue::with_items(None, items))
            },
        ],
        others: |()| {},
        waits: None,
        after: |()| {},
    }
    .run();
    Case {
        names: &["queue::PutError::clone | Clone"],
        make: |_| Queue::with_items(1, [Value::plain(1)]),
        calls: vec![|q, trap| {
            let refused = q.put_nowait(Value::trapped(2, Code::Clone, trap));
            ok(refused.expect_err("it is full").clone())
        }],
        others: |q| drop(q.put_nowait(Value::plain(2))),
        waits: Some(|q| q.put(Value::plain(3))),
        after: |q| {
            assert_eq!(q.get().expect("there is one").number, 1);
        },
    }
    .run();
    Case {
        names: &[
            "queue::{Iter, UntilNone}::fmt | Debug",
            "queue::{Iter, UntilNone}::next | Gets",
        ],
        make: |_| Queue::<Option<Value>>::new(),
        calls: vec![
            |q, trap| {
                q.put(Some(Value::trapped(2, Code::Debug, trap)))?;
                let mut items = q.until_none();
                let item = items.next().expect("there is one")?;
                ok(format!("{items:?} {item:?}"))
            },
            |q, trap| {
                q.put(Some(Value::trapped(2, Code::Debug, trap)))?;
                let mut items = q.iter();
                let item = items.next().expect("there is one")?;
                ok(format!("{items:?} {item:?}"))
            },
        ],
        others: |q| drop(q.put_nowait(None)),
        waits: Some(|q| q.join().map(drop)),
        after: |q| {
            while q.get_nowait().is_ok() {}
            while q.task_done().is_ok() {}
        },
    }
    .run();
}
