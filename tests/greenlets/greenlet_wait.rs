//! The counterpart of gevent's test__iwait, test__joinall, test__issue467 and of the joins and
//! waits in its test__greenlet, written anew.
//!
//! gevent's tests wait for semaphores. Here a [`Flag`] shows that any type that implements [`Linkable`] can be waited
//! for.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::{
    ExpectedError, LONG, Log, Reports, TestResult, bounded, fail, near, outer_timeout_is_not_lost,
    returns_after_timeout,
};
use gevent::exceptions::{InvalidSeconds, LoopExit};
use gevent::hub::{Link, Linkable, Links};
use gevent::{
    AnyGreenlet, Exception, Greenlet, JoinAll, Timeout, TimeoutError, Wait, get_hub, getcurrent, iwait, iwait_timeout,
    joinall, joinall_timeout, joinall_with, sleep, spawn, wait, wait_timeout, wait_with,
};

/// An object that is ready when it has been raised.
#[derive(Debug, Clone, Default)]
struct Flag(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    raised: Cell<bool>,
    links: Links,
}

impl Flag {
    fn raise(&self) -> TestResult {
        self.0.raised.set(true);
        self.notify()
    }

    fn notify(&self) -> TestResult {
        let flag = self.clone();
        get_hub().loop_().run_callback(move || {
            while let Some(link) = flag.0.links.pop() {
                link.call(&flag)?;
            }
            Ok::<(), Exception>(())
        })?;
        Ok(())
    }
}

impl PartialEq for Flag {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Linkable for Flag {
    fn ready(&self) -> bool {
        self.0.raised.get()
    }

    fn rawlink(&self, link: Link) {
        self.0.links.push(link);
        if self.ready() {
            self.notify().expect("the loop is there");
        }
    }

    fn unlink(&self, link: &Link) {
        self.0.links.remove(link);
    }
}

fn sleeper() -> Greenlet<()> {
    spawn(|| sleep(LONG))
}

/// gevent's Testiwait.
mod iwait_ {
    use super::*;

    #[test]
    fn test_noiter() -> TestResult {
        let _bounded = bounded();
        let flags = [Flag::default(), Flag::default()];
        let raised = flags[0].clone();
        spawn(move || raised.raise());
        let ready = iwait(&flags)?.next().transpose()?;
        assert_eq!(ready, Some(&flags[0]));
        Ok(())
    }

    #[test]
    fn test_iwait_partial() -> TestResult {
        let _bounded = bounded();
        let flag = Flag::default();
        let raised = flag.clone();
        let g = spawn(move || raised.raise());
        let before = get_hub().loop_().activecnt()?;
        let mut ready = iwait_timeout([&flag], LONG)?;
        assert_eq!(ready.next().transpose()?, Some(&flag));
        drop(ready);
        g.get()?;
        // The timer of the wait is gone, and so is the start of the greenlet.
        assert_eq!(get_hub().loop_().activecnt()?, before - 1);
        Ok(())
    }

    #[test]
    fn test_iwait_nogarbage() -> TestResult {
        let _bounded = bounded();
        let (flag1, flag2) = (Flag::default(), Flag::default());
        let raised = flag1.clone();
        let g = spawn(move || raised.raise());
        let mut ready = iwait([&flag1, &flag2])?;
        assert_eq!(ready.next().transpose()?, Some(&flag1));
        assert_eq!(flag2.0.links.len(), 1);
        drop(ready);
        assert_eq!(flag2.0.links.len(), 0);
        g.get()
    }

    #[test]
    fn test_objects_that_are_ready_already_come_in_their_order() -> TestResult {
        let _bounded = bounded();
        let flags: [Flag; 3] = Default::default();
        flags[2].raise()?;
        flags[0].raise()?;
        sleep(0)?;
        assert_eq!(wait_timeout(&flags, 0.001)?, [&flags[0], &flags[2]]);
        flags[1].raise()?;
        sleep(0)?;
        assert_eq!(wait(&flags)?, flags.iter().collect::<Vec<_>>());
        assert!(flags.iter().all(|flag| flag.0.links.is_empty()));
        Ok(())
    }

    /// The greenlet that waits is killed. No link stays, and it is not woken later.
    #[test]
    fn test_a_killed_wait_unlinks() -> TestResult {
        let _bounded = bounded();
        let flags: [Flag; 2] = Default::default();
        let waits = {
            let flags = flags.clone();
            spawn(move || wait(&flags).map(drop))
        };
        sleep(0)?;
        assert_eq!(flags[1].0.links.len(), 1);
        waits.kill()?;
        assert!(flags.iter().all(|flag| flag.0.links.is_empty()));
        flags[0].raise()?;
        sleep(0)
    }

    #[test]
    fn test_nothing_to_wait_for() -> TestResult {
        let _bounded = bounded();
        assert_eq!(wait::<Flag>([])?, []);
        assert_eq!(wait_with([Flag::default()], Wait::default().count(0))?, []);
        assert_eq!(wait_timeout([Flag::default()], 0)?, []);
        Ok(())
    }

    #[test]
    fn test_waiting_for_what_never_comes_is_a_loop_exit() {
        let _bounded = bounded();
        let flag = Flag::default();
        assert!(wait([&flag]).unwrap_err().is::<LoopExit>());
        assert!(flag.0.links.is_empty());
    }
}

/// gevent's test__issue467: the caller may wait between two objects.
#[test]
fn test_issue_467() -> TestResult {
    let _bounded = bounded();
    Reports::new();
    let worker = |i: i32| {
        spawn(move || match i {
            2 => fail("one of them fails"),
            _ => Ok(i),
        })
    };
    let done = worker(100);
    joinall([&done])?;
    let mut workers: Vec<_> = (0..3).map(worker).collect();
    workers.push(done);
    let mut finished = Vec::new();
    for worker in iwait(&workers)? {
        finished.push(worker?.clone());
        sleep(0.001)?;
    }
    assert_eq!(finished.len(), 4);
    assert!(workers.iter().all(|worker| finished.contains(worker)));
    Ok(())
}

/// gevent's test__joinall.
#[test]
fn test_joinall_of_one_twice() -> TestResult {
    let _bounded = bounded();
    let (a, b) = (spawn(|| ()), spawn(|| ()));
    let never = sleeper();
    let expected = [&a, &a, &b];
    assert_eq!(joinall([&a, &b, &a])?, expected);
    // The hub has woken this greenlet in the round of links of `b`, and finds the new link there, as in gevent.
    let b_first = [&b, &a, &a];
    assert_eq!(joinall_timeout([&a, &never, &b, &a], 0.001)?, b_first);
    let three = JoinAll::default().count(3);
    assert_eq!(joinall_with([&a, &never, &b, &a], three)?, expected);
    assert_eq!(never.linkcount(), 0);
    never.kill()
}

/// The tests of `joinall` in gevent's TestStuff.
mod joinall_ {
    use super::*;

    fn raising() -> JoinAll {
        JoinAll::default().raise_error()
    }

    fn raises(message: &'static str) -> Greenlet<i32> {
        spawn(move || fail(message))
    }

    #[test]
    fn test_wait_noerrors() -> TestResult {
        let _bounded = bounded();
        let all = [1, 2, 3].map(|value| spawn(move || value));
        joinall_with(&all, raising())?;
        let values: Vec<_> = all.iter().map(Greenlet::value).collect();
        assert_eq!(values, [Some(1), Some(2), Some(3)]);
        Ok(())
    }

    #[test]
    fn test_wait_error() -> TestResult {
        let _bounded = bounded();
        Reports::new();
        let x = spawn(|| sleep(0.001).map(|()| 1));
        let y = raises("test_wait_error");
        for greenlets in [vec![&x, &y], vec![&y]] {
            let error = joinall_with(greenlets, raising()).unwrap_err();
            assert!(error.is::<ExpectedError>(), "{error:?}");
        }
        assert_eq!(x.linkcount(), 0);
        x.join()
    }

    #[test]
    fn test_joinall_exception_order() -> TestResult {
        let _bounded = bounded();
        Reports::new();
        let a = spawn(|| {
            sleep(0.001)?;
            fail("first")
        });
        let b = raises("second");
        let error = joinall_with([&a, &b], raising()).unwrap_err();
        assert_eq!(error.downcast_ref::<ExpectedError>(), Some(&ExpectedError("second")));
        assert_eq!(joinall([&a, &b])?, [&b, &a]);
        Ok(())
    }

    #[test]
    fn test_joinall_count_raise_error() -> TestResult {
        let _bounded = bounded();
        Reports::new();
        let sleeper = spawn(|| -> Result<i32, Exception> {
            loop {
                sleep(0.0001)?;
            }
        });
        let raiser = raises("count");
        let one = JoinAll::default().count(1);
        joinall_with([&sleeper, &raiser], one)?;
        assert!(raiser.ready() && !sleeper.ready());
        sleeper.kill()?;
        assert!(sleeper.ready());
        Ok(())
    }

    /// Joins greenlets of different types, one of which ends another one meanwhile.
    #[test]
    fn test_different_greenlets_in_one_list() -> TestResult {
        let _bounded = bounded();
        let never = sleeper();
        let killer = {
            let never = never.clone();
            spawn(move || never.kill().map(|()| "killed"))
        };
        let number = spawn(|| 1);
        let all: [AnyGreenlet; 3] = [never.any(), killer.any(), number.any()];
        assert_eq!(joinall(&all)?.len(), 3);
        assert!(all.iter().all(AnyGreenlet::ready));
        Ok(())
    }

    /// The greenlet that joins is killed meanwhile; the others go on.
    #[test]
    fn test_a_killed_joinall_leaves_the_others_alone() -> TestResult {
        let _bounded = bounded();
        let all: Vec<_> = [0.0, 0.001, 0.002].map(|seconds| spawn(move || sleep(seconds))).into();
        let joins = {
            let all = all.clone();
            spawn(move || joinall(&all).map(drop))
        };
        sleep(0)?;
        joins.kill()?;
        assert!(all.iter().all(|g| g.linkcount() == 0));
        joinall(&all)?;
        assert!(all.iter().all(Greenlet::successful));
        Ok(())
    }
}

/// gevent's TestJoin, TestGet, TestJoinAll0 and TestJoinAll: the time limits of these waits.
mod waits {
    use super::*;

    fn join(seconds: f64) -> TestResult {
        let g = sleeper();
        let joined = g.join_timeout(seconds);
        g.kill()?;
        joined
    }

    fn joinall0(seconds: f64) -> TestResult {
        let never_started = Greenlet::new(|| ());
        assert!(joinall_timeout([never_started], seconds)?.is_empty());
        Ok(())
    }

    fn joinall1(seconds: f64) -> TestResult {
        let g = sleeper();
        let joined = joinall_timeout([&g], seconds);
        g.kill()?;
        assert!(joined?.is_empty());
        Ok(())
    }

    fn get(seconds: f64) -> TestResult {
        let g = sleeper();
        let got = g.get_timeout(seconds);
        g.kill()?;
        got
    }

    #[test]
    fn test_join_returns_none_after_timeout() -> TestResult {
        let _bounded = bounded();
        returns_after_timeout(join)
    }

    #[test]
    fn test_join_outer_timeout_is_not_lost() {
        let _bounded = bounded();
        outer_timeout_is_not_lost(join);
    }

    #[test]
    fn test_joinall0_returns_none_after_timeout() -> TestResult {
        let _bounded = bounded();
        returns_after_timeout(joinall0)
    }

    #[test]
    fn test_joinall0_outer_timeout_is_not_lost() {
        let _bounded = bounded();
        outer_timeout_is_not_lost(joinall0);
    }

    #[test]
    fn test_joinall_returns_none_after_timeout() -> TestResult {
        let _bounded = bounded();
        returns_after_timeout(joinall1)
    }

    #[test]
    fn test_joinall_outer_timeout_is_not_lost() {
        let _bounded = bounded();
        outer_timeout_is_not_lost(joinall1);
    }

    #[test]
    fn test_get_outer_timeout_is_not_lost() {
        let _bounded = bounded();
        outer_timeout_is_not_lost(get);
    }

    #[test]
    fn test_raises_timeout_number() -> TestResult {
        let _bounded = bounded();
        returns_after_timeout(|seconds| {
            let error = get(seconds).unwrap_err();
            let error = error.downcast_ref::<TimeoutError>();
            let after = error.expect("it was too late").seconds;
            near(after.expect("it has a time"), seconds);
            Ok(())
        })
    }

    /// gevent takes a `Timeout` as a timeout; here it is put around the call.
    #[test]
    fn test_raises_timeout_timeout() {
        let _bounded = bounded();
        let timeout = Timeout::new(0.001);
        let error = timeout.with(|| get(LONG)).unwrap_err();
        assert!(timeout.caused(&error));
    }

    #[test]
    fn test_raises_timeout_timeout_exc_customized() {
        let _bounded = bounded();
        let exception = Exception::new(ExpectedError("expected error"));
        let timeout = Timeout::new(0.001).with_exception(exception.clone());
        timeout.start().expect("it is new");
        assert!(get(LONG).unwrap_err().same(&exception));
    }

    #[test]
    fn test_get_nowait() -> TestResult {
        let _bounded = bounded();
        let g = spawn(|| 1);
        assert!(g.get_nowait().unwrap_err().is::<TimeoutError>());
        assert!(g.get_timeout(0).is_ok(), "one turn is enough for it");
        assert_eq!(g.get_nowait()?, 1);
        Ok(())
    }

    #[test]
    fn test_times_that_are_no_times_are_refused() {
        let _bounded = bounded();
        let g = sleeper();
        let errors = [
            g.join_timeout(f64::NAN).unwrap_err(),
            g.get_timeout(f64::NAN).unwrap_err(),
            joinall_timeout([&g], f64::NAN).unwrap_err(),
            wait_timeout([&g], f64::NAN).unwrap_err(),
            get_hub().join_timeout(f64::NAN).unwrap_err(),
            g.start_later(f64::NAN).unwrap_err(),
        ];
        for error in errors {
            assert!(error.is::<InvalidSeconds>(), "{error:?}");
        }
        assert_eq!(g.linkcount(), 0);
    }

    /// A wait that is impossible: in the main greenlet when no other is left, and in the hub.
    #[test]
    fn test_who_cannot_wait_is_told() -> TestResult {
        let _bounded = bounded();
        let g = sleeper();
        let outcomes = Log::<TestResult>::new();
        let (kept, joined) = (outcomes.clone(), g.clone());
        get_hub().loop_().run_callback(move || {
            kept.add(joined.join());
            kept.add(joined.kill());
            kept.add(wait([&joined]).map(drop));
            kept.add(sleep(0));
            kept.add(sleep(0.001));
        })?;
        sleep(0)?;
        let outcomes = outcomes.take();
        assert_eq!(outcomes.len(), 5);
        for outcome in outcomes {
            let error = outcome.unwrap_err();
            assert!(error.is::<gevent::exceptions::BlockingSwitchOutError>(), "{error:?}");
        }
        assert_eq!(g.linkcount(), 0);
        g.kill()
    }
}

/// A greenlet that joins one which never ends, until an exception is thrown into it.
#[test]
fn test_an_error_thrown_into_a_joining_greenlet_leaves_no_link() -> TestResult {
    let _bounded = bounded();
    let g = sleeper();
    let main = getcurrent();
    get_hub()
        .loop_()
        .run_callback(move || main.throw(ExpectedError("thrown")).map(drop))?;
    assert!(g.join_timeout(LONG).unwrap_err().is::<ExpectedError>());
    assert_eq!(g.linkcount(), 0);
    g.kill()
}
