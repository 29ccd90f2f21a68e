//! Groups and pools.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::{LONG, TestResult};
use crate::trap::{Case, Code, Trap, Value, any, ok};
use gevent::event::Event;
use gevent::greenlet::AsGreenlet;
use gevent::pool::{Group, Pool};
use gevent::{AnyGreenlet, sleep, spawn};

const SIZE: usize = 2;

fn make(_: Trap) -> Pool {
    Pool::new(SIZE)
}

fn others(pool: &Pool) {
    let _ = (pool.len(), pool.is_empty(), pool.full(), pool.free_count());
    let _ = (pool.greenlets(), pool.iter().count(), format!("{pool:?}"));
    any(pool.apply_async(|| 1));
    let _ = pool.try_add(spawn(|| ()));
}

fn waits(pool: &Pool) -> TestResult {
    pool.join().map(drop)
}

/// All its places are free again, and it works.
fn after(pool: &Pool) {
    pool.kill().expect("nobody kills the test");
    assert!(pool.is_empty() && pool.free_count() == SIZE, "{pool:?}");
    assert_eq!(pool.wait_available_timeout(LONG).expect("nobody kills the test"), SIZE);
    assert_eq!(pool.apply(|| 5).expect("it works"), 5);
    let all = pool.map(|i| i * 2, [1, 2, 3]).expect("it works");
    assert_eq!(all, [2, 4, 6]);
    assert!(pool.join_timeout(LONG).expect("nobody kills the test"));
}

pub(super) fn run(names: &'static [&'static str], calls: Vec<fn(&Pool, Trap) -> TestResult>) {
    Case {
        names,
        make,
        calls,
        others,
        waits: Some(waits),
        after,
    }
    .run();
}

#[test]
fn functions_of_tasks() {
    run(
        &["pool::Group::{apply, apply_async, apply_async_cb, apply_cb, spawn, spawn_timeout, try_spawn} | FnOnce"],
        vec![
            |pool, trap| pool.apply(move || trap.spring()),
            |pool, trap| pool.apply_async(move || trap.spring())?.join(),
            |pool, trap| pool.spawn(move || trap.spring())?.join(),
            |pool, trap| pool.spawn_timeout(move || trap.spring(), LONG)?.join(),
            |pool, trap| pool.try_spawn(move || trap.spring())?.join(),
            |pool, trap| pool.apply_cb(move || trap.spring(), |()| ()),
            |pool, trap| pool.apply_cb(|| (), move |()| trap.spring()),
            |pool, trap| {
                let task = pool.apply_async_cb(|| (), move |()| trap.spring())?;
                task.join()
            },
            |pool, trap| {
                // A full pool does so in another greenlet.
                let group = Pool::new(SIZE);
                let end = Event::new();
                for _ in 0..SIZE {
                    let its = end.clone();
                    group.spawn(move || its.wait().map(drop))?;
                }
                let task = group.apply_async_cb(|| (), move |()| trap.spring())?;
                end.set();
                task.join()?;
                pool.join().map(drop)
            },
        ],
    );
    run(
        &["pool::Group::{apply_async_cb, apply_cb} | Clone"],
        vec![
            |pool, trap| {
                let value = pool.apply_cb(move || Value::trapped(7, Code::Clone, trap), |_| ());
                value.map(drop)
            },
            |pool, trap| {
                let function = move || Value::trapped(7, Code::Clone, trap);
                pool.apply_async_cb(function, |_| ())?.join()
            },
        ],
    );
}

#[test]
fn values_that_nobody_asks_for() {
    run(
        &["pool::{IMap, IMapUnordered}::drop | Drop"],
        vec![
            |pool, trap| {
                // Values that nobody asks for.
                let value = move |_| Value::trapped(7, Code::Drop, trap);
                let mut values = pool.imap(value, 0..3);
                values.next().expect("there are some").map(std::mem::forget)?;
                sleep(0)?;
                drop(values);
                pool.join().map(drop)
            },
            |pool, trap| {
                // An iterator that is not used up.
                let value = Value::trapped(7, Code::Drop, trap);
                let items = (0..).inspect(move |_| assert_eq!(value.number, 7));
                let mut values = pool.imap_unordered_maxsize(|_| (), items, 1);
                values.next().expect("there are some")?;
                drop(values);
                pool.join().map(drop)
            },
        ],
    );
}

#[derive(Clone)]
struct Own(AnyGreenlet, Trap);

impl AsGreenlet for Own {
    fn as_greenlet(&self) -> AnyGreenlet {
        self.1.spring();
        self.0.clone()
    }
}

fn own(trap: Trap) -> Own {
    Own(spawn(|| sleep(0)).any(), trap)
}

#[test]
fn handles_of_users() {
    run(
        &["pool::Group::{add, add_timeout, contains, discard, killone, killone_with, try_add} | AsGreenlet"],
        vec![
            |pool, trap| pool.add(own(trap)),
            |pool, trap| pool.add_timeout(own(trap), LONG),
            |pool, trap| ok(pool.contains(own(trap))),
            |pool, trap| {
                pool.discard(own(trap));
                Ok(())
            },
            |pool, trap| pool.killone(own(trap)),
            |pool, trap| pool.killone_with(own(trap), gevent::Kill::default()),
            |pool, trap| ok(pool.try_add(own(trap))),
        ],
    );
    run(
        &["pool::Group::of | AsGreenlet", "pool::Group::of | Iterator"],
        vec![
            |_, trap| {
                let group = Group::of([own(trap)]);
                group.join().map(drop)
            },
            |_, trap| {
                let greenlets = (0..3).map(|_| spawn(|| ())).inspect(|_| trap.spring());
                Group::of(greenlets).join().map(drop)
            },
        ],
    );
}

/// What is mapped for nobody is not begun.
#[test]
fn a_map_whose_caller_is_killed_starts_nothing_more() -> TestResult {
    let _bounded = crate::support::bounded();
    for pool in [Pool::new(SIZE), Pool::new(None)] {
        let (begun, end) = (Rc::new(Cell::new(0)), Event::new());
        let (count, its, all) = (begun.clone(), end.clone(), pool.clone());
        let task = move |_| {
            count.set(count.get() + 1);
            its.wait().map(drop)
        };
        let items = (0..100).inspect(|i| {
            if *i > 10 {
                drop(sleep(0))
            }
        });
        let caller = spawn(move || all.map(task, items).map(drop));
        while begun.get() < SIZE {
            sleep(0)?;
        }
        caller.kill()?;
        let before = begun.get();
        assert!(before < 100);
        end.set();
        pool.join()?;
        for _ in 0..100 {
            sleep(0)?;
        }
        assert_eq!(begun.get(), before);
        assert!(pool.is_empty());
    }
    Ok(())
}
