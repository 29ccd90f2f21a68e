//! The table of waits for greenlets, timers, descriptors and the hub.

use std::cell::RefCell;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use super::strike::{Case, Row, case, row};
use crate::support::{LONG, TestResult};
use gevent::core::Events;
use gevent::event::Event;
use gevent::hub::{self, MultipleWaiter, Park, Resume, Waiter};
use gevent::{
    Exception, Greenlet, JoinAll, Kill, Timeout, Wait, get_hub, getcurrent, iwait_timeout, joinall, joinall_timeout,
    joinall_with, killall, killall_with, sleep, sleep_with_ref, spawn, wait, wait_timeout, wait_with, with_timeout,
};

/// The time limit of the calls that take one.
const LIMIT: f64 = 1000.0;

/// A greenlet that ends with 7 when the event is set.
fn other() -> (Greenlet<i32>, Event) {
    let told = Event::new();
    let its = told.clone();
    let greenlet = spawn(move || {
        its.wait()?;
        Ok(7)
    });
    (greenlet, told)
}

/// A case in which the call waits for another greenlet, which must be left as it is.
fn joining(call: fn(&Greenlet<i32>) -> TestResult) -> Case {
    let (greenlet, told) = other();
    let check = greenlet.clone();
    case(
        move || call(&greenlet),
        move || told.set(),
        move |_| {
            assert_eq!(check.get().expect("it is not killed"), 7);
            assert_eq!(check.linkcount(), 0);
        },
    )
}

/// A case in which the call kills a greenlet, which ends some time after the kill.
fn killing(call: fn(&Greenlet<()>) -> TestResult) -> Case {
    let (begun, told) = (Event::new(), Event::new());
    let (its, end) = (begun.clone(), told.clone());
    let greenlet = spawn(move || {
        its.set();
        let killed = sleep(LONG);
        gevent::mask_kill(|| end.wait())?;
        killed
    });
    begun.wait().expect("it begins");
    let check = greenlet.clone();
    case(
        move || call(&greenlet),
        move || told.set(),
        move |_| {
            check.join_timeout(LONG).expect("nobody kills the test");
            assert!(check.ready() && check.successful());
            assert_eq!(check.linkcount(), 0);
        },
    )
}

/// A case in which the call leaves a [`Resume`] in the cell, which ends its wait.
fn parking(call: fn(&RefCell<Option<Resume>>) -> TestResult) -> Case {
    let resume = Rc::new(RefCell::new(None));
    let its = resume.clone();
    case(
        move || call(&its),
        move || {
            let left = resume.take();
            if let Some(resume) = left {
                resume.switch().expect("nothing comes back");
            }
        },
        |_| (),
    )
}

/// A case in which the call waits to read from a descriptor.
fn reading(call: fn(&UnixStream) -> TestResult) -> Case {
    let (mut near, far) = UnixStream::pair().expect("descriptors are left");
    let near_too = near.try_clone().expect("descriptors are left");
    case(
        move || call(&far),
        move || (&near_too).write_all(b"x").expect("there is space"),
        move |_| near.flush().expect("it is open"),
    )
}

/// A case in which the call waits to write to a descriptor.
fn writing(call: fn(&UnixStream) -> TestResult) -> Case {
    let (near, far) = UnixStream::pair().expect("descriptors are left");
    far.set_nonblocking(true).expect("it is open");
    while (&far).write(&[0; 4096]).is_ok() {}
    case(
        move || call(&far),
        move || {
            near.set_nonblocking(true).expect("it is open");
            while std::io::Read::read(&mut (&near), &mut [0; 4096]).is_ok_and(|n| n > 0) {}
        },
        |_| (),
    )
}

fn next<T>(mut items: impl Iterator<Item = Result<T, Exception>>) -> TestResult {
    let item = items.next().expect("an item or an error");
    if item.is_err() {
        assert!(items.next().is_none() && items.next().is_none());
    }
    item.map(drop)
}

/// A row for a call that ends by itself.
fn alone(name: &'static str, call: fn() -> TestResult) -> Row {
    row(name, move || case(call, || (), |_| ()))
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        alone("hub/src/sleep.rs sleep", || {
            sleep(0)?;
            sleep(0.001)
        }),
        alone("hub/src/sleep.rs sleep_with_ref", || {
            sleep_with_ref(0, true)?;
            sleep_with_ref(0.001, false)
        }),
        alone("hub/src/sleep.rs idle", || gevent::idle(0)),
        alone("src/timeout.rs with_timeout", || {
            assert_eq!(with_timeout(LIMIT, || sleep(0.001).map(|()| 1), 2)?, 1);
            assert_eq!(with_timeout(0.001, || sleep(LONG).map(|()| 1), 2)?, 2);
            Ok(())
        }),
        alone("src/timeout.rs Timeout::with", || {
            Timeout::new(LIMIT).with(|| sleep(0.001))?;
            let timeout = Timeout::new(0.001);
            match timeout.with(|| sleep(LONG)) {
                Err(exception) if timeout.caused(&exception) => Ok(()),
                with => with,
            }
        }),
        alone("src/timeout.rs Timeout::silent", || {
            Timeout::new(LIMIT).silent(|| sleep(0.001))?;
            Timeout::new(0.001).silent(|| sleep(LONG)).map(drop)
        }),
        alone("hub/src/wait.rs Hub::wait", || {
            let timer = get_hub().loop_().timer(0.001)?;
            let waited = get_hub().wait(&timer);
            assert!(!timer.active());
            waited
        }),
        alone("hub/src/wait.rs Hub::wait_timeout", || {
            let timer = get_hub().loop_().timer(LIMIT)?;
            let waited = get_hub().wait_timeout(&timer, 0.001);
            assert!(!timer.active());
            assert!(!waited?);
            Ok(())
        }),
    ];
    rows.extend(
        [
            (
                "src/greenlet/join.rs Greenlet::join",
                (|g| g.join()) as fn(&Greenlet<i32>) -> TestResult,
            ),
            ("src/greenlet/join.rs Greenlet::join_timeout", |g| g.join_timeout(LIMIT)),
            ("src/greenlet/join.rs AnyGreenlet::join", |g| g.any().join()),
            ("src/greenlet/join.rs AnyGreenlet::join_timeout", |g| {
                g.any().join_timeout(LIMIT)
            }),
            ("src/greenlet/handle.rs Greenlet::get", |g| g.get().map(drop)),
            ("src/greenlet/handle.rs Greenlet::get_timeout", |g| {
                g.get_timeout(LIMIT).map(drop)
            }),
            ("src/future/block_on.rs block_on", |g| {
                gevent::future::block_on(g).map(drop)
            }),
            ("src/greenlet/join.rs joinall", |g| joinall([g, g]).map(drop)),
            ("src/greenlet/join.rs joinall_timeout", |g| {
                assert_eq!(joinall_timeout([g, g], LIMIT)?.len(), 2);
                Ok(())
            }),
            ("src/greenlet/join.rs joinall_with", |g| {
                for settings in [JoinAll::default(), JoinAll::default().raise_error()] {
                    joinall_with([g, g], settings)?;
                }
                Ok(())
            }),
            ("hub/src/iwait.rs wait", |g| wait([g.clone()]).map(drop)),
            ("hub/src/iwait.rs wait_timeout", |g| {
                assert_eq!(wait_timeout([g.clone()], LIMIT)?.len(), 1);
                Ok(())
            }),
            ("hub/src/iwait.rs wait_with", |g| {
                assert_eq!(wait_with([g.clone(), g.clone()], Wait::default().count(1))?.len(), 1);
                Ok(())
            }),
            ("hub/src/iwait.rs WaitIterator::next", |g| {
                next(iwait_timeout([g.clone()], LIMIT)?)
            }),
        ]
        .map(|(name, call)| row(name, move || joining(call))),
    );
    rows.extend(
        [
            (
                "src/greenlet/kill.rs Greenlet::kill",
                (|g| g.kill()) as fn(&Greenlet<()>) -> TestResult,
            ),
            ("src/greenlet/kill.rs Greenlet::kill_with", |g| {
                assert!(g.kill_with(Kill::default())?);
                Ok(())
            }),
            ("src/greenlet/kill.rs AnyGreenlet::kill", |g| g.any().kill()),
            ("src/greenlet/kill.rs AnyGreenlet::kill_with", |g| {
                assert!(g.any().kill_with(Kill::default().timeout(LIMIT))?);
                Ok(())
            }),
            ("src/greenlet/kill.rs killall", |g| killall([g])),
            ("src/greenlet/kill.rs killall_with", |g| {
                killall_with([g], Kill::default().timeout(LIMIT))
            }),
        ]
        .map(|(name, call)| row(name, move || killing(call))),
    );
    rows.push(row("src/greenlet/kill.rs Greenlet::with", || {
        let (greenlet, told) = other();
        let check = greenlet.clone();
        case(
            move || greenlet.with(|_| Ok(())),
            move || told.set(),
            move |got| {
                check.join_timeout(LONG).expect("nobody kills the test");
                // If the call was ended, the greenlet is killed, unless it was told to end before.
                assert!(!got || check.value() == Some(7));
                assert!(check.successful());
            },
        )
    }));
    rows.extend(
        [
            (
                "hub/src/hub/waits.rs Hub::switch",
                (|cell| {
                    let park = Park::begin();
                    // The wait is ended by a switch back.
                    cell.replace(Some(park.resume()));
                    drop(park);
                    let greenlet = getcurrent();
                    get_hub().loop_().run_callback(move || greenlet.switch(()).map(drop))?;
                    get_hub().switch().map(drop)
                }) as fn(&RefCell<Option<Resume>>) -> TestResult,
            ),
            ("waiter/src/park.rs Park::wait", |cell| {
                let park = Park::new(&get_hub())?;
                cell.replace(Some(park.resume()));
                park.wait(&get_hub(), &"a test")
            }),
            ("waiter/src/park.rs Park::wait_for_any", |cell| {
                let park = Park::new(&get_hub())?;
                cell.replace(Some(park.resume()));
                park.wait_for_any(&get_hub()).map(drop)
            }),
            ("waiter/src/park.rs Park::enter", |cell| {
                let park = Park::new(&get_hub())?;
                cell.replace(Some(park.resume()));
                let resume = park.resume();
                let got = park.enter(get_hub().greenlet())?;
                assert!(resume.is_mine(&got));
                Ok(())
            }),
        ]
        .map(|(name, call)| row(name, move || parking(call))),
    );
    rows.push(row("waiter/src/waiter.rs Waiter::get", || {
        let waiter = Waiter::new(get_hub());
        let (give, check) = (waiter.clone(), waiter.clone());
        case(
            move || waiter.get().map(|value| assert_eq!(value, 7)),
            move || give.switch(7).expect("this is the hub"),
            // If no greenlet was in `get`, the value is stored.
            move |got| assert_eq!(check.value(), (!got).then_some(7)),
        )
    }));
    rows.push(row("waiter/src/multiple.rs MultipleWaiter::get", || {
        let waiter = MultipleWaiter::new(get_hub());
        let (give, check) = (waiter.clone(), waiter.clone());
        case(
            move || waiter.get().map(|value| assert_eq!(value, 7)),
            move || give.switch(7).expect("this is the hub"),
            move |got| {
                if !got {
                    assert_eq!(check.get().expect("it is queued"), 7);
                }
            },
        )
    }));
    rows.extend(
        [
            (
                "hub/src/wait_fd.rs Hub::wait_on_watcher",
                (|s| {
                    let watcher = get_hub().loop_().io(s.as_raw_fd(), Events::READ)?;
                    let waited = get_hub().wait_on_watcher(&watcher, LIMIT);
                    assert!(!watcher.active());
                    waited
                }) as fn(&UnixStream) -> TestResult,
            ),
            ("hub/src/wait_fd.rs Hub::wait_on_watcher_unless", |s| {
                let watcher = get_hub().loop_().io(s.as_raw_fd(), Events::READ)?;
                let waited = get_hub().wait_on_watcher_unless(&watcher, LIMIT, || Ok(false));
                assert!(!watcher.active());
                waited
            }),
            ("hub/src/wait_fd.rs wait_on_watcher", |s| {
                let watcher = get_hub().loop_().io(s.as_raw_fd(), Events::READ)?;
                let waited = hub::wait_on_watcher(&watcher, None);
                assert!(!watcher.active());
                waited
            }),
            ("hub/src/wait_fd.rs wait_read", |s| hub::wait_read(s.as_raw_fd(), LIMIT)),
        ]
        .map(|(name, call)| row(name, move || reading(call))),
    );
    rows.extend(
        [
            (
                "hub/src/wait_fd.rs wait_write",
                (|s| hub::wait_write(s.as_raw_fd(), LIMIT)) as fn(&UnixStream) -> TestResult,
            ),
            ("hub/src/wait_fd.rs wait_readwrite", |s| {
                hub::wait_readwrite(s.as_raw_fd(), None)
            }),
        ]
        .map(|(name, call)| row(name, move || writing(call))),
    );
    rows.push(row("src/scope/mod.rs scope", || {
        let (told, ends) = (Event::new(), Rc::new(std::cell::Cell::new(0)));
        let (its, count) = (told.clone(), ends.clone());
        case(
            move || {
                gevent::scope(|s| {
                    for _ in 0..2 {
                        s.spawn(|| {
                            its.wait()?;
                            count.set(count.get() + 1);
                            Ok(())
                        });
                    }
                    sleep(0)
                })
            },
            move || told.set(),
            move |got| assert!(!got || ends.get() == 2),
        )
    }));
    rows
}
