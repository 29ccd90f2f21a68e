//! `join_all`.

use std::cell::Cell;
use std::future::{pending, ready};
use std::rc::Rc;

use gevent::event::Event;
use gevent::future::{block_on, join_all, spawn_local};
use gevent::{sleep, spawn};

use crate::support::{TestResult, bounded};
use crate::{Counted, Gate};

#[test]
fn values_come_in_order() -> TestResult {
    let _bounded = bounded();
    assert_eq!(block_on(join_all(Vec::<std::future::Ready<()>>::new()))?, []);
    assert_eq!(block_on(join_all([ready(1), ready(2)]))?, [1, 2]);
    let gates: Vec<_> = (0..100).map(|_| Gate::default()).collect();
    let all = gates.clone();
    let opener = spawn(move || {
        for gate in all.iter().rev() {
            gate.open();
            sleep(0)?;
        }
        Ok(())
    });
    let passed = gates.iter().enumerate().map(|(i, gate)| async move {
        gate.pass().await;
        i
    });
    assert_eq!(block_on(join_all(passed))?, (0..100).collect::<Vec<_>>());
    // Each was polled once before, and once after it was woken.
    assert!(
        gates
            .iter()
            .all(|gate| gate.polls() == 2 || gate.0.open.get() && gate.polls() == 1)
    );
    opener.get()
}

#[test]
fn all_are_dropped_by_a_kill() -> TestResult {
    let _bounded = bounded();
    let count = Rc::new(Cell::new(0));
    let futures: Vec<_> = (0..5)
        .map(|i| {
            let counted = Counted::new(&count);
            async move {
                let _counted = counted;
                if i > 1 {
                    pending::<()>().await;
                }
            }
        })
        .collect();
    let waiting = spawn_local(async move { join_all(futures).await.len() });
    sleep(0)?;
    assert_eq!(count.get(), 3);
    waiting.kill()?;
    assert_eq!(count.get(), 0);
    Ok(())
}

/// An executor inside of it: each is woken for itself.
#[test]
fn many_wait_for_one_event() -> TestResult {
    let _bounded = bounded();
    let event = Event::new();
    let its = event.clone();
    let setter = spawn(move || {
        sleep(0.001)?;
        its.set();
        Ok(())
    });
    assert_eq!(block_on(join_all((0..1000).map(|_| &event)))?.len(), 1000);
    assert_eq!(event.linkcount(), 0);
    setter.get()
}
