//! The table of waits for places, tasks and values of pools.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use super::strike::{Case, Row, case, row};
use crate::support::{LONG, TestResult};
use gevent::event::Event;
use gevent::pool::{Group, Pool};
use gevent::threadpool::{ThreadPool, ThreadPoolExecutor};
use gevent::{Exception, Greenlet, Kill, sleep};

/// The time limit of the calls that take one.
const LIMIT: f64 = 1000.0;

/// A case with a full pool, whose place is given back when the task is told to end.
fn full(call: fn(&Pool) -> TestResult) -> Case {
    let (pool, told) = (Pool::new(1), Event::new());
    let its = told.clone();
    pool.spawn(move || its.wait().map(drop)).expect("there is place");
    let check = pool.clone();
    case(
        move || call(&pool),
        move || told.set(),
        move |_| {
            assert!(check.join_timeout(LONG).expect("nobody kills the test"));
            assert_eq!((check.len(), check.free_count()), (0, 1));
            assert_eq!(check.wait_available_timeout(0).expect("nobody kills the test"), 1);
        },
    )
}

/// A case with a pool that has place for two, whose tasks end when the event is set.
fn busy(call: fn(&Pool, Event) -> TestResult) -> Case {
    let (pool, told) = (Pool::new(2), Event::new());
    let (check, its) = (pool.clone(), told.clone());
    case(
        move || call(&pool, its),
        move || told.set(),
        move |_| {
            assert!(check.join_timeout(LONG).expect("nobody kills the test"));
            assert_eq!((check.len(), check.free_count()), (0, 2));
            assert_eq!(check.wait_available_timeout(0).expect("nobody kills the test"), 2);
        },
    )
}

/// A case with a group of greenlets that end some time after a kill.
fn killing(call: fn(&Group) -> TestResult) -> Case {
    let (group, told) = (Group::new(), Event::new());
    for _ in 0..2 {
        let its = told.clone();
        let member = move || {
            let killed = sleep(LONG);
            gevent::mask_kill(|| its.wait())?;
            killed
        };
        group.spawn(member).expect("there is a hub");
    }
    sleep(0).expect("they begin");
    let (rest, check) = (group.clone(), group.clone());
    case(
        move || call(&group),
        move || {
            told.set();
            let kill = Kill::default().nonblocking();
            rest.kill_with(kill).expect("there is a loop");
        },
        move |_| {
            check.kill().expect("nobody kills the test");
            assert!(check.is_empty());
        },
    )
}

fn next<T>(mut items: impl Iterator<Item = Result<T, Exception>>) -> TestResult {
    let item = items.next().expect("an item or an error");
    if item.is_err() {
        assert!(items.next().is_none() && items.next().is_none());
    }
    item.map(drop)
}

/// Takes all items, or returns the first error.
fn all<T>(mut items: impl Iterator<Item = Result<T, Exception>>, count: usize) -> TestResult {
    for left in (0..=count).rev() {
        match items.next() {
            Some(Ok(_)) => assert!(left > 0, "too many"),
            // The call that finds the end lets others run, too, if the way there has taken long.
            Some(Err(error)) => {
                assert!(items.next().is_none() && items.next().is_none());
                return Err(error);
            }
            None => assert_eq!(left, 0),
        }
    }
    Ok(())
}

/// The channel for which tasks in threads wait. All tasks end when the sender is dropped.
type Told = Arc<Mutex<std::sync::mpsc::Receiver<()>>>;

fn wait_for(told: &Told) {
    // The error says that the sender is dropped.
    let _ = told.lock().expect("nobody panics").recv();
}

/// A case with a pool of one thread, whose tasks end when they are told.
fn threads(call: fn(&ThreadPool, Told) -> TestResult, busy: usize) -> Case {
    let pool = ThreadPool::new(1);
    let (tell, told) = channel::<()>();
    let told: Told = Arc::new(Mutex::new(told));
    for _ in 0..busy {
        let its = told.clone();
        pool.spawn(move || wait_for(&its)).expect("there is place");
    }
    let tell = std::cell::Cell::new(Some(tell));
    let check = pool.clone();
    case(
        move || call(&pool, told),
        move || drop::<Option<Sender<()>>>(tell.take()),
        move |_| {
            check.join().expect("nobody kills the test");
            assert!(check.is_empty());
            // The places are free again, so two tasks start without a wait.
            for _ in 0..2 {
                check.spawn(|| ()).expect("there is place");
            }
            check.kill().expect("nobody kills the test");
            assert_eq!(check.size(), 0);
        },
    )
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let on_full: [(_, fn(&Pool) -> TestResult); 14] = [
        ("src/pool/group.rs Group::wait_available", |p| {
            assert_eq!(p.wait_available()?, 1);
            Ok(())
        }),
        ("src/pool/group.rs Group::wait_available_timeout", |p| {
            assert_eq!(p.wait_available_timeout(LIMIT)?, 1);
            Ok(())
        }),
        ("src/pool/group.rs Group::add", |p| {
            let greenlet = Greenlet::new(|| ());
            p.add(&greenlet)?;
            greenlet.start()
        }),
        ("src/pool/group.rs Group::add_timeout", |p| {
            let greenlet = Greenlet::new(|| ());
            p.add_timeout(&greenlet, LIMIT)?;
            greenlet.start()
        }),
        ("src/pool/group.rs Group::start", |p| p.start(&Greenlet::new(|| ()))),
        ("src/pool/group.rs Group::start_timeout", |p| {
            p.start_timeout(&Greenlet::new(|| ()), LIMIT)
        }),
        ("src/pool/group.rs Group::spawn", |p| p.spawn(|| ()).map(drop)),
        ("src/pool/group.rs Group::spawn_timeout", |p| {
            p.spawn_timeout(|| (), LIMIT).map(drop)
        }),
        ("src/pool/group.rs Group::join", |p| {
            assert!(p.join()?);
            Ok(())
        }),
        ("src/pool/group.rs Group::join_timeout", |p| {
            assert!(p.join_timeout(LIMIT)?);
            Ok(())
        }),
        ("src/pool/group.rs Group::join_raise_error", |p| {
            assert!(p.join_raise_error()?);
            Ok(())
        }),
        ("src/pool/group.rs Group::join_raise_error_timeout", |p| {
            assert!(p.join_raise_error_timeout(LIMIT)?);
            Ok(())
        }),
        ("src/pool/mapping.rs Group::apply", |p| {
            assert_eq!(p.apply(|| 7)?, 7);
            Ok(())
        }),
        ("src/pool/mapping.rs Group::apply_cb", |p| {
            assert_eq!(p.apply_cb(|| 7, |_| ())?, 7);
            Ok(())
        }),
    ];
    rows.extend(on_full.map(|(name, call)| row(name, move || full(call))));
    let on_busy: [(_, fn(&Pool, Event) -> TestResult); 6] = [
        ("src/pool/mapping.rs Group::map", |p, told| {
            let task = move |i: i32| told.wait().map(|_| i);
            assert_eq!(p.map(task, [1, 2, 3])?, [1, 2, 3]);
            Ok(())
        }),
        ("src/pool/mapping.rs Group::map_cb", |p, told| {
            let task = move |i: i32| told.wait().map(|_| i);
            p.map_cb(task, [1, 2, 3], |values| assert_eq!(values.len(), 3))
                .map(drop)
        }),
        ("src/pool/imap.rs IMap::next", |p, told| {
            all(p.imap(move |_| told.wait(), [1, 2, 3]), 3)
        }),
        ("src/pool/imap.rs IMapUnordered::next", |p, told| {
            all(p.imap_unordered(move |_| told.wait(), [1, 2, 3]), 3)
        }),
        ("src/pool/mapping.rs Group::imap_maxsize", |p, told| {
            all(p.imap_maxsize(move |_| told.wait(), [1, 2, 3], 1), 3)
        }),
        ("src/pool/mapping.rs Group::imap_unordered_maxsize", |p, told| {
            all(p.imap_unordered_maxsize(move |_| told.wait(), [1, 2, 3], 1), 3)
        }),
    ];
    rows.extend(on_busy.map(|(name, call)| row(name, move || busy(call))));
    let on_killed: [(_, fn(&Group) -> TestResult); 4] = [
        ("src/pool/group.rs Group::kill", |g| g.kill()),
        ("src/pool/group.rs Group::kill_with", |g| {
            g.kill_with(Kill::default().timeout(LIMIT))
        }),
        ("src/pool/group.rs Group::killone", |g| g.killone(&g.greenlets()[0])),
        ("src/pool/group.rs Group::killone_with", |g| {
            g.killone_with(&g.greenlets()[0], Kill::default().timeout(LIMIT))
        }),
    ];
    rows.extend(on_killed.map(|(name, call)| row(name, move || killing(call))));
    let in_threads: [(_, fn(&ThreadPool, Told) -> TestResult, _); 11] = [
        (
            "src/threadpool/mapping.rs ThreadPool::apply",
            |p, told| p.apply(move || wait_for(&told)),
            2,
        ),
        (
            "src/threadpool/mapping.rs ThreadPool::apply_cb",
            |p, told| p.apply_cb(move || wait_for(&told), |()| ()),
            0,
        ),
        (
            "src/threadpool/mapping.rs ThreadPool::map",
            |p, told| p.map(move |_| wait_for(&told), [1, 2, 3]).map(drop),
            0,
        ),
        (
            "src/threadpool/mapping.rs ThreadPool::map_cb",
            |p, told| p.map_cb(move |_| wait_for(&told), [1, 2, 3], |_| ()).map(drop),
            0,
        ),
        (
            "src/threadpool/mapping.rs ThreadPool::imap",
            |p, told| all(p.imap(move |_| wait_for(&told), [1, 2, 3]), 3),
            0,
        ),
        (
            "src/threadpool/mapping.rs ThreadPool::imap_unordered_maxsize",
            |p, told| all(p.imap_unordered_maxsize(move |_| wait_for(&told), [1, 2, 3], 1), 3),
            0,
        ),
        (
            "src/threadpool/pool.rs ThreadPool::spawn",
            |p, _| p.spawn(|| ()).map(drop),
            2,
        ),
        ("src/threadpool/pool.rs ThreadPool::set_size", |p, _| p.set_size(0), 1),
        ("src/threadpool/pool.rs ThreadPool::kill", |p, _| p.kill(), 1),
        ("src/threadpool/pool.rs ThreadPool::join", |p, _| p.join(), 1),
        (
            "src/threadpool/mapping.rs ThreadPool::imap_unordered",
            |p, told| next(p.imap_unordered(move |_| wait_for(&told), [1])),
            0,
        ),
    ];
    rows.extend(in_threads.map(|(name, call, busy)| row(name, move || threads(call, busy))));
    rows.extend(executors());
    rows
}

fn executors() -> [Row; 6] {
    let calls: [(_, fn(&ThreadPoolExecutor, Told) -> TestResult, usize); 6] = [
        (
            "src/threadpool/executor.rs ThreadPoolExecutor::submit",
            |e, _| e.submit(|| ()).map(drop),
            2,
        ),
        (
            "src/threadpool/executor.rs ThreadPoolExecutor::shutdown",
            |e, _| e.shutdown(true),
            1,
        ),
        (
            "src/threadpool/executor.rs Future::result",
            |e, told| e.submit(move || wait_for(&told))?.result(),
            0,
        ),
        (
            "src/threadpool/executor.rs Future::result_timeout",
            |e, told| e.submit(move || wait_for(&told))?.result_timeout(LIMIT),
            0,
        ),
        (
            "src/threadpool/executor.rs Future::exception",
            |e, told| {
                let future = e.submit(move || wait_for(&told))?;
                assert!(future.exception()?.is_none());
                Ok(())
            },
            0,
        ),
        (
            "src/threadpool/executor.rs Future::exception_timeout",
            |e, told| {
                let future = e.submit(move || wait_for(&told))?;
                assert!(future.exception_timeout(LIMIT)?.is_none());
                Ok(())
            },
            0,
        ),
    ];
    calls.map(|(name, call, busy)| {
        row(name, move || {
            let executor = ThreadPoolExecutor::new(1);
            let (tell, told) = channel::<()>();
            let told: Told = Arc::new(Mutex::new(told));
            for _ in 0..busy {
                let its = told.clone();
                executor.submit(move || wait_for(&its)).expect("there is place");
            }
            let tell = std::cell::Cell::new(Some(tell));
            let check = executor.clone();
            case(
                move || call(&executor, told),
                move || drop::<Option<Sender<()>>>(tell.take()),
                move |_| check.shutdown(true).expect("nobody kills the test"),
            )
        })
    })
}
