//! Locks.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::LONG;
use crate::trap::{Case, any};
use gevent::lock::{Barrier, BoundedSemaphore, Condition, Semaphore};
use gevent::{sleep, spawn};

macro_rules! semaphores {
    ($name:literal, $type:ty) => {
        Case {
            names: &[$name],
            make: |_| {
                let semaphore = <$type>::new(1);
                assert!(semaphore.try_acquire());
                (semaphore, Rc::new(Cell::new(0)))
            },
            calls: vec![|(semaphore, called), trap| {
                let count = called.clone();
                semaphore.rawlink(move |_| trap.spring());
                semaphore.rawlink(move |_| count.set(count.get() + 1));
                let _ = semaphore.release();
                while called.get() == 0 {
                    sleep(0)?;
                    let _ = semaphore.release();
                }
                Ok(())
            }],
            others: |(semaphore, _)| {
                let _ = (semaphore.counter(), semaphore.linkcount(), semaphore.locked());
                let _ = (format!("{semaphore:?}"), semaphore.try_acquire());
                let _ = semaphore.release();
            },
            waits: Some(|(semaphore, _)| semaphore.acquire().map(drop)),
            after: |(semaphore, called)| {
                assert_eq!(called.get(), 1, "the other link");
                while semaphore.counter() == 0 {
                    let _ = semaphore.release();
                    sleep(0).expect("nobody kills the test");
                }
                assert!(semaphore.acquire_timeout(LONG).expect("nobody kills the test"));
                let _ = semaphore.release();
            },
        }
        .run();
    };
}

#[test]
fn links_of_semaphores() {
    semaphores!("lock::Semaphore::rawlink | Fn", Semaphore);
    semaphores!("lock::BoundedSemaphore::rawlink | Fn", BoundedSemaphore);
    semaphores!("threadsafe::Semaphore::rawlink | Fn", gevent::threadsafe::Semaphore);
    semaphores!(
        "threadsafe::BoundedSemaphore::rawlink | Fn",
        gevent::threadsafe::BoundedSemaphore
    );
}

#[test]
fn predicates_of_conditions() {
    Case {
        names: &["lock::Condition::{wait_for, wait_for_timeout} | FnMut"],
        make: |_| Condition::new(),
        calls: vec![
            |condition, trap| {
                let _held = condition.acquire_guard()?;
                let predicate = || {
                    trap.spring();
                    true
                };
                condition.wait_for_timeout(predicate, LONG).map(drop)
            },
            |condition, trap| {
                let _held = condition.acquire_guard()?;
                let predicate = || {
                    trap.spring();
                    true
                };
                condition.wait_for(predicate).map(drop)
            },
        ],
        others: |condition| {
            // The lock is held by whoever calls the predicate.
            let _ = (condition.lock().locked(), format!("{condition:?}"));
            let _ = condition.notify(1);
        },
        waits: Some(|condition| {
            let _held = condition.acquire_guard()?;
            condition.wait().map(drop)
        }),
        after: |condition| {
            let _held = condition.acquire_guard().expect("nobody holds it");
            condition.notify_all().expect("it is held");
        },
    }
    .run();
}

#[test]
fn actions_of_barriers() {
    Case {
        names: &["lock::Barrier::with_action | Fn"],
        make: |trap| Barrier::new(2).with_action(move || trap.spring()),
        calls: vec![|barrier, _| barrier.wait_timeout(LONG).map(drop)],
        others: |barrier| {
            let _ = (barrier.n_waiting(), barrier.broken(), format!("{barrier:?}"));
            barrier.abort();
        },
        waits: Some(|barrier| barrier.wait().map(drop)),
        after: |barrier| {
            barrier.reset();
            // Those of before leave first.
            sleep(0).expect("nobody kills the test");
            barrier.reset();
            let its = barrier.clone();
            let other = spawn(move || its.wait_timeout(LONG).map(drop));
            any(barrier.wait_timeout(LONG));
            other.get().expect("both came");
        },
    }
    .run();
}
