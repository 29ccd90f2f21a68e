//! The table of waits for locks, events and results, of one thread or of several.

use std::cell::Cell;
use std::rc::Rc;

use super::strike::{Case, Row, case, row};
use crate::support::TestResult;
use gevent::abstract_linkable::{AbstractLinkable, Waitable};
use gevent::event::{AsyncResult, Event};
use gevent::lock::{Barrier, BoundedSemaphore, Condition, RLock, Semaphore};
use gevent::{Exception, spawn, threadsafe};

/// The time limit of the calls that take one.
const LIMIT: f64 = 1000.0;

/// A case in which one permit is released: afterwards the call has it, or the semaphore does.
macro_rules! semaphore {
    ($type:ident $(:: $rest:ident)*, $call:expr, $takes:expr) => {
        move || {
            let semaphore = $type $(:: $rest)*::new(1);
            assert!(semaphore.try_acquire());
            let (give, check) = (semaphore.clone(), semaphore.clone());
            let call: fn(&$type $(:: $rest)*) -> TestResult = $call;
            case(
                move || call(&semaphore),
                move || {
                    let _ = give.release();
                },
                move |got| {
                    assert_eq!(check.counter(), usize::from(!(got && $takes)));
                    assert_eq!(check.linkcount(), 0);
                },
            )
        }
    };
}

/// The rows of a type of semaphores.
macro_rules! semaphores {
    ($file:literal, $name:literal, $($type:tt)*) => {
        [
            row(concat!($file, " ", $name, "::acquire"), semaphore!($($type)*, |s| s.acquire().map(drop), true)),
            row(
                concat!($file, " ", $name, "::acquire_timeout"),
                semaphore!($($type)*, |s| { assert!(s.acquire_timeout(LIMIT)?); Ok(()) }, true),
            ),
            row(
                concat!($file, " ", $name, "::acquire_guard"),
                semaphore!($($type)*, |s| s.acquire_guard().map(drop), false),
            ),
            row(
                concat!($file, " ", $name, "::acquire_guard_timeout"),
                semaphore!($($type)*, |s| { assert!(s.acquire_guard_timeout(LIMIT)?.is_some()); Ok(()) }, false),
            ),
            row(
                concat!($file, " ", $name, "::wait"),
                semaphore!($($type)*, |s| { assert_eq!(s.wait()?, 1); Ok(()) }, false),
            ),
            row(
                concat!($file, " ", $name, "::wait_timeout"),
                semaphore!($($type)*, |s| { assert_eq!(s.wait_timeout(LIMIT)?, 1); Ok(()) }, false),
            ),
        ]
    };
}

/// A case in which the object is set once, after which no greenlet is left waiting.
macro_rules! settable {
    ($new:expr, $set:expr, $call:expr) => {
        move || {
            let object = $new;
            let (give, check) = (object.clone(), object.clone());
            case(
                move || $call(&object),
                move || $set(&give),
                move |_| assert_eq!(check.linkcount(), 0),
            )
        }
    };
}

macro_rules! results {
    ($file:literal, $type:path) => {{
        type Result = $type;
        let call =
            |name, call: fn(&Result) -> TestResult| row(name, settable!(Result::new(), |r: &Result| r.set(7), call));
        [
            call(concat!($file, " AsyncResult::get"), |r| r.get().map(drop)),
            call(concat!($file, " AsyncResult::get_timeout"), |r| {
                r.get_timeout(LIMIT).map(drop)
            }),
            call(concat!($file, " AsyncResult::result"), |r| r.result().map(drop)),
            call(concat!($file, " AsyncResult::result_timeout"), |r| {
                r.result_timeout(LIMIT).map(drop)
            }),
            call(concat!($file, " AsyncResult::wait"), |r| {
                assert_eq!(r.wait()?, Some(7));
                Ok(())
            }),
            call(concat!($file, " AsyncResult::wait_timeout"), |r| {
                assert_eq!(r.wait_timeout(LIMIT)?, Some(7));
                Ok(())
            }),
        ]
    }};
}

/// A case with a lock that another greenlet holds until it is told to release it.
fn held(call: fn(&RLock) -> TestResult, takes: bool) -> Case {
    let (lock, free) = (RLock::new(), Event::new());
    let (its, told) = (lock.clone(), free.clone());
    let holder = spawn(move || {
        let _guard = its.acquire_guard()?;
        told.wait().map(drop)
    });
    gevent::sleep(0).expect("the holder runs");
    let check = lock.clone();
    case(
        move || {
            call(&lock)?;
            if takes {
                lock.release()?;
            }
            Ok(())
        },
        move || free.set(),
        move |_| {
            holder.join().expect("it is told");
            assert!(!check.locked());
        },
    )
}

/// A case with one notification, which goes to the call, or to the greenlet that waits behind it.
fn condition(call: fn(&Condition, &Cell<bool>) -> TestResult) -> Case {
    let (condition, changed) = (Condition::new(), Rc::new(Cell::new(false)));
    let (its, seen) = (condition.clone(), changed.clone());
    let (give, check) = (condition.clone(), condition.clone());
    case(
        move || {
            let _held = its.acquire_guard()?;
            call(&its, &seen)
        },
        move || {
            let held = give.lock().try_acquire_guard();
            changed.set(true);
            if held.is_some() {
                give.notify(1).expect("it is held");
            }
        },
        move |_| {
            assert!(!check.lock().locked());
            assert_eq!(check.waiting(), 0);
        },
    )
}

#[derive(Debug)]
struct Latch(Cell<bool>);

impl Waitable for Latch {
    const KIND: &'static str = "Latch";

    fn ready(&self) -> bool {
        self.0.get()
    }
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(semaphores!("src/lock/semaphore.rs", "Semaphore", Semaphore));
    rows.extend(semaphores!("src/lock/bounded.rs", "BoundedSemaphore", BoundedSemaphore));
    rows.extend(semaphores!(
        "src/threadsafe/semaphore.rs",
        "Semaphore",
        threadsafe::Semaphore
    ));
    rows.extend(semaphores!(
        "src/threadsafe/semaphore.rs",
        "BoundedSemaphore",
        threadsafe::BoundedSemaphore
    ));
    rows.extend(results!("src/event/async_result.rs", AsyncResult<i32>));
    rows.extend(results!("src/threadsafe/async_result.rs", threadsafe::AsyncResult<i32>));
    rows.push(row(
        "src/event/event.rs Event::wait",
        settable!(Event::new(), |e: &Event| e.set(), |e: &Event| {
            assert!(e.wait()?);
            Ok::<(), Exception>(())
        }),
    ));
    rows.push(row(
        "src/event/event.rs Event::wait_timeout",
        settable!(Event::new(), |e: &Event| e.set(), |e: &Event| {
            assert!(e.wait_timeout(LIMIT)?);
            Ok::<(), Exception>(())
        }),
    ));
    rows.push(row(
        "src/threadsafe/event.rs Event::wait",
        settable!(
            threadsafe::Event::new(),
            |e: &threadsafe::Event| e.set(),
            |e: &threadsafe::Event| {
                assert!(e.wait()?);
                Ok::<(), Exception>(())
            }
        ),
    ));
    rows.push(row(
        "src/threadsafe/event.rs Event::wait_timeout",
        settable!(
            threadsafe::Event::new(),
            |e: &threadsafe::Event| e.set(),
            |e: &threadsafe::Event| {
                assert!(e.wait_timeout(LIMIT)?);
                Ok::<(), Exception>(())
            }
        ),
    ));
    rows.push(row(
        "src/abstract_linkable.rs AbstractLinkable::wait",
        settable!(
            AbstractLinkable::new(Latch(Cell::new(false))),
            |latch: &AbstractLinkable<Latch>| {
                latch.state().0.set(true);
                latch.check_and_notify();
            },
            |latch: &AbstractLinkable<Latch>| {
                assert!(latch.wait()?);
                Ok::<(), Exception>(())
            }
        ),
    ));
    rows.push(row(
        "src/abstract_linkable.rs AbstractLinkable::wait_timeout",
        settable!(
            AbstractLinkable::new(Latch(Cell::new(false))),
            |latch: &AbstractLinkable<Latch>| {
                latch.state().0.set(true);
                latch.check_and_notify();
            },
            |latch: &AbstractLinkable<Latch>| {
                assert!(latch.wait_timeout(LIMIT)?);
                Ok::<(), Exception>(())
            }
        ),
    ));
    let locks: [(_, fn(&RLock) -> TestResult, _); 6] = [
        ("src/lock/rlock.rs RLock::acquire", |l| l.acquire().map(drop), true),
        (
            "src/lock/rlock.rs RLock::acquire_timeout",
            |l| {
                assert!(l.acquire_timeout(LIMIT)?);
                Ok(())
            },
            true,
        ),
        (
            "src/lock/rlock.rs RLock::acquire_guard",
            |l| l.acquire_guard().map(drop),
            false,
        ),
        (
            "src/lock/rlock.rs RLock::acquire_guard_timeout",
            |l| {
                assert!(l.acquire_guard_timeout(LIMIT)?.is_some());
                Ok(())
            },
            false,
        ),
        (
            "src/lock/condition.rs Condition::acquire",
            |l| Condition::with_lock(l).acquire().map(drop),
            true,
        ),
        (
            "src/lock/condition.rs Condition::acquire_guard",
            |l| Condition::with_lock(l).acquire_guard().map(drop),
            false,
        ),
    ];
    rows.extend(locks.map(|(name, call, takes)| row(name, move || held(call, takes))));
    rows.push(row("src/lock/condition.rs Condition::wait", || {
        condition(|condition, seen| {
            if !seen.get() {
                assert!(condition.wait()?);
            }
            Ok(())
        })
    }));
    rows.push(row("src/lock/condition.rs Condition::wait_timeout", || {
        condition(|condition, seen| {
            if !seen.get() {
                assert!(condition.wait_timeout(LIMIT)?);
            }
            Ok(())
        })
    }));
    rows.push(row("src/lock/condition.rs Condition::wait_for", || {
        condition(|condition, seen| {
            assert!(condition.wait_for(|| seen.get())?);
            Ok(())
        })
    }));
    rows.push(row("src/lock/condition.rs Condition::wait_for_timeout", || {
        condition(|condition, seen| {
            assert!(condition.wait_for_timeout(|| seen.get(), LIMIT)?);
            Ok(())
        })
    }));
    rows.push(row("src/lock/barrier.rs Barrier::wait", || {
        let barrier = Barrier::new(2);
        let (give, check) = (barrier.clone(), barrier.clone());
        case(
            move || barrier.wait().map(drop),
            move || {
                let other = give.clone();
                spawn(move || {
                    // Without the greenlet whose wait was ended, the barrier is never full.
                    gevent::Timeout::new(0.001).silent(|| other.wait()).map(drop)
                });
            },
            move |_| assert!(!check.broken()),
        )
    }));
    rows.push(row("src/lock/barrier.rs Barrier::wait_timeout", || {
        let barrier = Barrier::new(2);
        let (give, check) = (barrier.clone(), barrier.clone());
        case(
            move || barrier.wait_timeout(LIMIT).map(drop),
            move || {
                let other = give.clone();
                spawn(move || {
                    // Without the greenlet whose wait was ended, the barrier is never full.
                    gevent::Timeout::new(0.001).silent(|| other.wait()).map(drop)
                });
            },
            move |_| assert!(!check.broken()),
        )
    }));
    rows
}
