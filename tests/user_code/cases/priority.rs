//! Priority queues, whose items compare themselves.

use super::queue::{all_done, drain, is_complete, use_it, waits_for_tasks};
use crate::support::{LONG, TestResult};
use crate::trap::{Case, Code, Trap, Value};
use gevent::queue::PriorityQueue;

fn sorted(queue: &PriorityQueue<Value>, expected: &[u32]) {
    let found = is_complete(queue, expected);
    assert!(found.is_sorted(), "{found:?}");
    all_done(queue);
}

#[test]
fn comparisons() {
    let make: fn(Trap) -> PriorityQueue<Value> = |_| {
        let items = [12, 10, 11].map(Value::plain);
        PriorityQueue::with_items(None, items)
    };
    let calls: Vec<fn(&PriorityQueue<Value>, Trap) -> TestResult> = vec![
        |q, trap| q.put(Value::trapped(5, Code::Ord, trap)),
        |q, trap| Ok(q.put_nowait(Value::trapped(5, Code::Ord, trap))?),
        |q, trap| Ok(q.put_timeout(Value::trapped(5, Code::Ord, trap), LONG)?),
    ];
    Case {
        names: &[
            "queue::Heap::put_item | Ord",
            "queue::PriorityQueue::{put, put_nowait, put_timeout} | Ord",
        ],
        make,
        calls,
        others: |q| use_it(q),
        waits: Some(waits_for_tasks),
        after: |q| sorted(q, &[5, 10, 11, 12]),
    }
    .run();
    let make: fn(Trap) -> PriorityQueue<Value> = |trap| {
        let items = [12, 10, 11].map(Value::plain).into_iter();
        PriorityQueue::with_items(None, items.chain([Value::trapped(13, Code::Ord, trap)]))
    };
    Case {
        names: &[
            "queue::Heap::{get_item, peek_item} | Ord",
            "queue::PriorityQueue::{get, get_nowait, get_timeout} | Ord",
        ],
        make,
        calls: vec![
            // What was got is put again, so that all must be there.
            |q, _| q.get().and_then(|item| q.put(Value::plain(item.number))),
            |q, _| {
                let item = q.get_nowait()?;
                q.put(Value::plain(item.number))
            },
            |q, _| {
                let item = q.get_timeout(LONG)?;
                q.put(Value::plain(item.number))
            },
            |q, _| q.peek().map(drop),
            |q, _| {
                // Others wait their turn.
                let getters: Vec<_> = (0..3)
                    .map(|_| {
                        let q = q.clone();
                        gevent::spawn(move || {
                            let number = q.get()?.number;
                            Ok(number)
                        })
                    })
                    .collect();
                gevent::joinall(&getters)?;
                for number in getters.iter().filter_map(|getter| getter.value()) {
                    q.put(Value::plain(number))?;
                }
                Ok(())
            },
        ],
        others: |q| use_it(q),
        waits: Some(waits_for_tasks),
        after: |q| {
            let found = drain(q);
            // Whoever was killed with an item has it.
            assert!(found.is_sorted(), "{found:?}");
            let kept = [10, 11, 12, 13].iter().filter(|n| found.contains(n)).count();
            assert!(kept >= 3, "{found:?}");
            all_done(q);
        },
    }
    .run();
}

/// A comparison that waits for long: others come, and are served when it is over, in their turn.
#[test]
fn whoever_comes_during_a_comparison_has_its_turn_after_it() -> TestResult {
    use gevent::event::Event;
    use std::cell::RefCell;
    use std::cmp::Ordering;

    thread_local! {
        static BEGUN: RefCell<Option<(Event, Event)>> = const { RefCell::new(None) };
    }

    #[derive(PartialEq, Eq)]
    struct Slow(u32);

    impl PartialOrd for Slow {
        fn partial_cmp(&self, other: &Slow) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Slow {
        fn cmp(&self, other: &Slow) -> Ordering {
            if let Some((begun, end)) = BEGUN.take() {
                begun.set();
                end.wait().expect("nobody kills it");
            }
            self.0.cmp(&other.0)
        }
    }

    let _bounded = crate::support::bounded();
    let queue = PriorityQueue::new();
    queue.put(Slow(3))?;
    let (begun, end) = (Event::new(), Event::new());
    BEGUN.set(Some((begun.clone(), end.clone())));
    let its = queue.clone();
    let putter = gevent::spawn(move || its.put(Slow(2)));
    begun.wait()?;
    let getters = [0; 3].map(|_| {
        let its = queue.clone();
        gevent::spawn(move || its.get().map(|item| item.0))
    });
    gevent::sleep(0)?;
    // It is stored as soon as the comparison is over.
    queue.put(Slow(1))?;
    assert!(queue.get_nowait().is_err());
    assert_eq!((queue.qsize(), queue.getters()), (3, 3));
    end.set();
    gevent::joinall(&getters)?;
    assert_eq!(getters.map(|g| g.value()), [Some(1), Some(2), Some(3)]);
    putter.get()
}
