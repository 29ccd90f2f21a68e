//! The counterpart of the kills in gevent's test__greenlet, test__greenletset, test__issue330,
//! test__issue607 and test__api, written anew.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::{ExpectedError, LONG, Log, Reports, TestResult, bounded};
use gevent::{
    Exception, Greenlet, GreenletExit, Kill, TimeoutError, get_hub, joinall, killall, killall_with, sleep, spawn,
    spawn_raw,
};

/// gevent's TestKill and those derived from it: every way to kill, of a greenlet at every point
/// of its life, twice.
macro_rules! test_kill {
    ($($module:ident: $start:expr;)*) => {$(
        mod $module {
            use super::*;

            fn do_test(block: bool, killall: bool, exception: Exception) -> TestResult {
                kill_twice($start, block, killall, exception)
            }

            #[test]
            fn test_block() -> TestResult {
                do_test(true, false, GreenletExit.into())
            }

            #[test]
            fn test_non_block() -> TestResult {
                do_test(false, false, GreenletExit.into())
            }

            #[test]
            fn test_block_killall() -> TestResult {
                do_test(true, true, GreenletExit.into())
            }

            #[test]
            fn test_non_block_killall() -> TestResult {
                do_test(false, true, GreenletExit.into())
            }

            #[test]
            fn test_non_type_exception() -> TestResult {
                do_test(true, false, ExpectedError("killed").into())
            }

            #[test]
            fn test_non_type_exception_non_block() -> TestResult {
                do_test(false, false, ExpectedError("killed").into())
            }

            #[test]
            fn test_non_type_exception_killall() -> TestResult {
                do_test(true, true, ExpectedError("killed").into())
            }

            #[test]
            fn test_non_type_exception_killall_non_block() -> TestResult {
                do_test(false, true, ExpectedError("killed").into())
            }
        }
    )*};
}

test_kill! {
    kill: |_| Ok(());
    kill_after_start: |g| g.start();
    kill_after_start_later: |g| g.start_later(LONG);
    kill_while_running: |g| {
        g.start()?;
        sleep(0)
    };
}

fn kill_twice(
    start: impl FnOnce(&Greenlet<()>) -> TestResult,
    block: bool,
    by_killall: bool,
    exception: Exception,
) -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let idle = get_hub().loop_().activecnt()?;
    let (result, link_test) = (Log::<i32>::new(), Log::<Greenlet<()>>::new());
    let ran = result.clone();
    let g = Greenlet::new(move || {
        sleep(LONG)?;
        ran.add(1);
        Ok(())
    });
    let linked = link_test.clone();
    g.link(move |g| linked.add(g.clone()));
    start(&g)?;
    let kill = || -> TestResult {
        let kill = Kill {
            exception: exception.clone(),
            block,
            timeout: None,
        };
        match by_killall {
            true => killall_with([&g], kill)?,
            false => drop(g.kill_with(kill)?),
        }
        if !block {
            sleep(0)?;
        }
        Ok(())
    };
    for _ in 0..2 {
        kill()?;
        for _ in 0..2 {
            assert!(!g.started() && g.dead() && g.ready());
            let error = g.get().unwrap_err();
            assert!(error.same(&exception), "{error:?}");
            let good = exception.is::<GreenletExit>();
            assert_eq!(g.successful(), good);
            assert_eq!(g.exception().is_none(), good);
            // The greenlet would run in this time if it was not dead.
            sleep(0.001)?;
        }
    }
    assert!(result.is_empty());
    assert_eq!(link_test.take(), [g]);
    match exception.is::<GreenletExit>() {
        true => assert_eq!(reports.take(), ""),
        false => reports.one_with("killed"),
    }
    assert_eq!(get_hub().loop_().activecnt()?, idle);
    Ok(())
}

/// gevent's TestKillallRawGreenlet: a list has greenlets of one kind only, but raw greenlets can be killed, too.
#[test]
fn test_killall_raw() -> TestResult {
    let _bounded = bounded();
    let ran = Rc::new(Cell::new(0));
    for started in [false, true] {
        let ran = ran.clone();
        let g = spawn_raw(move || {
            ran.set(ran.get() + 1);
            sleep(LONG)?;
            ran.set(100);
            Ok(())
        })?;
        if started {
            sleep(0)?;
        }
        killall([&g])?;
        assert!(g.dead());
    }
    sleep(0.001)?;
    assert!(ran.get() < 100, "{}", ran.get());
    Ok(())
}

/// gevent's TestRef: a killed greenlet leaves nothing behind.
#[test]
fn test_kill_scheduled_and_started() -> TestResult {
    let _bounded = bounded();
    struct Guest(Rc<Cell<usize>>);
    impl Drop for Guest {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    let guests = Rc::new(Cell::new(0));
    for yields in 0..3 {
        guests.set(1);
        let guest = Guest(guests.clone());
        let g = spawn(move || {
            let _guest = guest;
            sleep(LONG)
        });
        for _ in 0..yields {
            sleep(0)?;
        }
        g.kill()?;
        assert_eq!(guests.get(), 0);
    }
    Ok(())
}

/// gevent's test__greenletset.
mod greenletset {
    use super::*;
    use gevent::event::Event;
    use gevent::pool::Group;

    /// Ignores every kill but one by an [`ExpectedError`], and counts them.
    fn undead(shots: &Rc<Cell<usize>>) -> Greenlet<()> {
        let shots = shots.clone();
        spawn(move || {
            loop {
                match sleep(LONG) {
                    Err(error) if error.is::<ExpectedError>() => break,
                    _ => shots.set(shots.get() + 1),
                }
            }
        })
    }

    #[test]
    fn test_basic() -> TestResult {
        let _bounded = bounded();
        let (group, end) = (Group::new(), Event::new());
        let short = group.spawn(|| sleep(0.001))?;
        assert_eq!(group.len(), 1);
        let ended = end.clone();
        group.spawn(move || ended.wait().map(drop))?;
        assert_eq!(group.len(), 2);
        short.join()?;
        sleep(0)?;
        assert_eq!(group.len(), 1);
        end.set();
        assert!(get_hub().join()?);
        assert!(group.is_empty());
        Ok(())
    }

    #[test]
    fn test_waitall() -> TestResult {
        let _bounded = bounded();
        let begin = std::time::Instant::now();
        let group = Group::new();
        for seconds in [0.001, 0.02] {
            group.spawn(move || sleep(seconds))?;
        }
        assert!(group.join_raise_error()?);
        assert_eq!(group.len(), 0);
        assert!(begin.elapsed().as_secs_f64() >= 0.02);
        Ok(())
    }

    fn two_long() -> Result<Group, Exception> {
        let group = Group::new();
        for _ in 0..2 {
            group.spawn(|| sleep(LONG))?;
        }
        Ok(group)
    }

    #[test]
    fn test_kill_block() -> TestResult {
        let _bounded = bounded();
        let group = two_long()?;
        group.kill()?;
        assert_eq!(group.len(), 0);
        Ok(())
    }

    #[test]
    fn test_kill_noblock() -> TestResult {
        let _bounded = bounded();
        let group = two_long()?;
        sleep(0)?;
        group.kill_with(Kill::default().nonblocking())?;
        assert_eq!(group.len(), 2);
        sleep(0.001)?;
        assert_eq!(group.len(), 0);
        Ok(())
    }

    #[test]
    fn test_kill_fires_once_in_a_group() -> TestResult {
        let _bounded = bounded();
        let (shots1, shots2) = (Rc::default(), Rc::default());
        let (p1, p2) = (undead(&shots1), undead(&shots2));
        let check = |count1, count2| {
            assert!(p1.started() && !p1.dead() && p2.started() && !p2.dead());
            assert_eq!((shots1.get(), shots2.get()), (count1, count2));
        };
        let soon = || Kill::default().nonblocking();
        sleep(0)?;
        let group = Group::of([&p1, &p2]);
        assert_eq!(group.len(), 2);
        check(0, 0);
        group.killone_with(&p1, soon())?;
        check(0, 0);
        sleep(0)?;
        check(1, 0);
        // The group does not kill a greenlet twice.
        for _ in 0..2 {
            group.killone_with(&p1, soon())?;
            sleep(0)?;
            check(1, 0);
        }
        for _ in 0..3 {
            group.kill_with(soon())?;
        }
        check(1, 0);
        sleep(0.001)?;
        check(1, 1);
        let ended = gevent::with_timeout(0.001, || group.kill().map(|()| true), false)?;
        assert!(!ended);
        assert_eq!(group.len(), 2);
        check(1, 1);
        for p in [&p1, &p2] {
            p.kill_with(Kill::with(ExpectedError("special")))?;
            assert!(p.successful());
        }
        Ok(())
    }

    #[test]
    fn test_kill_fires_once() -> TestResult {
        let _bounded = bounded();
        let (shots1, shots2) = (Rc::default(), Rc::default());
        let (p1, p2) = (undead(&shots1), undead(&shots2));
        let check = |count1, count2| {
            assert!(p1.started() && !p1.dead() && p2.started() && !p2.dead());
            assert_eq!((shots1.get(), shots2.get()), (count1, count2));
        };
        let kill = |timeout| Kill {
            block: false,
            timeout,
            ..Kill::default()
        };
        sleep(0)?;
        check(0, 0);
        p1.kill_with(kill(None))?;
        check(0, 0);
        sleep(0)?;
        check(1, 0);
        killall_with([&p1, &p2], kill(None))?;
        check(1, 0);
        sleep(0)?;
        check(2, 1);
        let blocking = Kill::default().timeout(0.001);
        let error = killall_with([&p1, &p2], blocking).unwrap_err();
        assert!(error.is::<TimeoutError>(), "{error:?}");
        check(3, 2);
        let mut last = kill(None);
        last.exception = ExpectedError("special").into();
        killall_with([&p1, &p2], last)?;
        joinall([&p1, &p2])?;
        assert!(p1.successful() && p2.successful());
        Ok(())
    }

    #[test]
    fn test_killall_subclass() -> TestResult {
        let _bounded = bounded();
        Reports::new();
        let p1 = Greenlet::builder()
            .name("fails")
            .spawn(|| crate::support::fail::<()>("1 / 0"));
        let p2 = Greenlet::builder().name("sleeps").spawn(|| sleep(LONG));
        killall([&p1, &p2])?;
        assert!(p1.dead() && p2.dead());
        Ok(())
    }

    #[test]
    fn test_killall_iterable_argument_non_block() -> TestResult {
        let _bounded = bounded();
        let s = [(); 2].map(|()| spawn(|| sleep(LONG)));
        killall_with(&s, Kill::default().nonblocking())?;
        sleep(0)?;
        assert!(s.iter().all(Greenlet::dead));
        Ok(())
    }

    /// Two greenlets that go on for some time after they are killed.
    fn tenacious() -> [Greenlet<()>; 2] {
        [(); 2].map(|()| {
            spawn(|| {
                let _ = sleep(LONG);
                sleep(LONG)
            })
        })
    }

    #[test]
    fn test_killall_iterable_argument_timeout_not_started() -> TestResult {
        let _bounded = bounded();
        let s = tenacious();
        killall_with(&s, Kill::default().timeout(0.001))?;
        assert!(s.iter().all(Greenlet::dead));
        Ok(())
    }

    #[test]
    fn test_killall_iterable_argument_timeout_started() -> TestResult {
        let _bounded = bounded();
        let s = tenacious();
        sleep(0)?;
        let kill = Kill::default().timeout(0.001);
        let error = killall_with(&s, kill).unwrap_err();
        assert!(error.is::<TimeoutError>(), "{error:?}");
        assert!(!s.iter().any(Greenlet::dead));
        killall(&s)
    }
}

/// gevent's test__issue330: a greenlet that is killed before it is started is never switched to.
mod issue_330 {
    use super::*;

    fn check(kill: impl Fn(&Greenlet<()>) -> TestResult) -> TestResult {
        let _bounded = bounded();
        let reports = Reports::new();
        let switched_to = Log::<i32>::new();
        let all = [0, 1].map(|i| {
            let switched_to = switched_to.clone();
            spawn(move || switched_to.add(i))
        });
        all.iter().try_for_each(kill)?;
        joinall(&all)?;
        assert!(switched_to.is_empty());
        for g in &all {
            assert!(g.get().unwrap_err().is::<GreenletExit>());
            assert!(g.successful() && g.exception().is_none());
        }
        assert_eq!(reports.take(), "");
        Ok(())
    }

    #[test]
    fn test_gevent_kill() -> TestResult {
        check(|g| gevent::kill(g, GreenletExit))
    }

    #[test]
    fn test_greenlet_kill() -> TestResult {
        check(Greenlet::kill)
    }

    #[test]
    fn test_throw() -> TestResult {
        check(|g| g.throw(GreenletExit).map(drop))
    }

    #[test]
    fn test_kill_exception() -> TestResult {
        let _bounded = bounded();
        let caught = Rc::new(RefCell::new(None));
        let kept = caught.clone();
        let g = spawn(move || {
            loop {
                if let Err(error) = sleep(0) {
                    kept.replace(Some(error));
                    return;
                }
            }
        });
        g.start()?;
        sleep(0)?;
        let exception = Exception::new(ExpectedError("mine"));
        gevent::kill(&g, exception.clone())?;
        sleep(0)?;
        assert!(caught.take().expect("it was killed").same(&exception));
        g.join()?;
        assert!(g.exception().is_none() && g.successful());
        Ok(())
    }
}

/// gevent's test__issue607: a greenlet that is killed with an exception has failed.
mod issue_607 {
    use super::*;

    #[test]
    fn test_kill_without_exception() -> TestResult {
        let _bounded = bounded();
        let g = spawn(|| sleep(LONG));
        g.kill()?;
        assert!(g.successful());
        assert!(g.get().unwrap_err().is::<GreenletExit>());
        Ok(())
    }

    fn kill_with_exception(started: bool) -> TestResult {
        let _bounded = bounded();
        Reports::new();
        let g = spawn(|| sleep(LONG));
        if started {
            g.join_timeout(0)?;
        }
        g.kill_with(Kill::with(ExpectedError("killed")))?;
        assert!(!g.successful() && g.value().is_none());
        assert!(g.get().unwrap_err().is::<ExpectedError>());
        assert!(g.exception().expect("it failed").is::<ExpectedError>());
        Ok(())
    }

    #[test]
    fn test_kill_with_exception() -> TestResult {
        kill_with_exception(false)
    }

    #[test]
    fn test_kill_with_exception_after_started() -> TestResult {
        kill_with_exception(true)
    }
}

/// gevent's test__api: the exception arrives, and the greenlet ends, before `kill` returns.
#[test]
fn test_killing_dormant() -> TestResult {
    let _bounded = bounded();
    let state = Log::<&str>::new();
    let s = state.clone();
    let g = spawn(move || {
        s.add("start");
        if sleep(LONG).is_err() {
            s.add("except");
        }
        s.add("finished");
    });
    sleep(0)?;
    assert_eq!(state.len(), 1);
    g.kill()?;
    assert_eq!(state.take(), ["start", "except", "finished"]);
    Ok(())
}

/// As in gevent, `killall` first makes a list of the greenlets.
#[test]
fn an_iterator_that_fails_has_killed_nobody() -> TestResult {
    let _bounded = bounded();
    let g = spawn(|| 7);
    let greenlets = [Some(&g), None].into_iter().map(|g| g.expect("no more"));
    let killed = catch_unwind(AssertUnwindSafe(|| killall(greenlets)));
    assert!(killed.is_err());
    assert_eq!(g.get()?, 7);
    Ok(())
}
