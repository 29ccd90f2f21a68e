//! The counterpart of gevent's test__event and of the event part of its lock_tests, written anew.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::{
    ExpectedError, Log, Reports, TestResult, bounded, near, outer_timeout_is_not_lost, returns_after_timeout,
};
use gevent::event::{AsyncResult, Event};
use gevent::{
    Exception, Kill, Linkable, Timeout, TimeoutError, Wait, get_hub, idle, iwait, joinall, sleep, spawn, spawn_later,
    wait, wait_timeout, wait_with, with_timeout,
};

mod event_wait {
    use super::*;

    #[test]
    fn test_returns_none_after_timeout() -> TestResult {
        returns_after_timeout(|seconds| {
            assert!(!Event::new().wait_timeout(seconds)?);
            Ok(())
        })
    }

    #[test]
    fn test_outer_timeout_is_not_lost() {
        outer_timeout_is_not_lost(|seconds| Event::new().wait_timeout(seconds).map(drop));
    }

    #[test]
    fn test_cover() {
        let event = Event::new();
        let shown = format!("{event:?}");
        assert!(shown.starts_with("<Event at 0x") && shown.ends_with(" clear _links[0]>"));
        event.set();
        assert!(format!("{event:?}").ends_with(" set _links[0]>"));
    }
}

mod gevent_wait_on_event {
    use super::*;

    #[test]
    fn test_returns_none_after_timeout() -> TestResult {
        returns_after_timeout(|seconds| {
            let event = Event::new();
            assert!(wait_timeout([&event], seconds)?.is_empty());
            assert_eq!(event.linkcount(), 0);
            Ok(())
        })
    }

    #[test]
    fn test_outer_timeout_is_not_lost() {
        outer_timeout_is_not_lost(|seconds| wait_timeout([Event::new()], seconds).map(drop));
    }

    /// gevent issue 771: a link that is added while links are called must not be called in the same round.
    #[test]
    fn test_set_during_wait() -> TestResult {
        let event = Event::new();
        let waiter = spawn(move || {
            let setter = spawn({
                let event = event.clone();
                move || event.set()
            });
            // This returns while the links are being called.
            assert!(event.wait()?);
            assert!(event.ready());
            setter.join()?;
            event.clear();
            assert!(wait_timeout([&event], 0.01)?.is_empty());
            assert!(!event.ready());
            Ok(())
        });
        waiter.get()
    }
}

mod async_result_wait {
    use super::*;

    #[test]
    fn test_returns_none_after_timeout() -> TestResult {
        returns_after_timeout(|seconds| {
            assert_eq!(AsyncResult::<()>::new().wait_timeout(seconds)?, None);
            Ok(())
        })?;
        returns_after_timeout(|seconds| wait_timeout([AsyncResult::<()>::new()], seconds).map(drop))
    }

    #[test]
    fn test_outer_timeout_is_not_lost() {
        outer_timeout_is_not_lost(|seconds| AsyncResult::<()>::new().wait_timeout(seconds).map(drop));
        outer_timeout_is_not_lost(|seconds| wait_timeout([AsyncResult::<()>::new()], seconds).map(drop));
    }
}

mod async_result_get {
    use super::*;

    #[test]
    fn test_raises_timeout_number() {
        let error = AsyncResult::<()>::new().get_timeout(0.01).unwrap_err();
        let error = error.downcast_ref::<TimeoutError>().expect("a timeout");
        near(error.seconds.expect("it has a time"), 0.01);
    }

    #[test]
    fn test_raises_timeout_timeout() {
        let timeout = Timeout::start_new(0.01);
        let error = AsyncResult::<()>::new().get().unwrap_err();
        assert!(timeout.caused(&error));
    }

    #[test]
    fn test_raises_timeout_exc_customized() {
        let timeout = Timeout::start_new(0.01).with_exception(ExpectedError("own"));
        drop(timeout);
        let timeout = Timeout::new(0.01).with_exception(ExpectedError("own"));
        timeout.start().expect("starts");
        let error = AsyncResult::<()>::new().get().unwrap_err();
        assert!(timeout.threw(&error) && error.is::<ExpectedError>());
    }

    #[test]
    fn test_outer_timeout_is_not_lost() {
        outer_timeout_is_not_lost(|seconds| AsyncResult::<()>::new().get_timeout(seconds));
    }
}

mod async_result {
    use super::*;

    #[test]
    fn test_link() {
        let result = AsyncResult::<()>::new();
        let link = result.rawlink(|_| ());
        result.unlink(&link);
        result.unlink(&link); // does nothing
        let shown = format!("{result:?}");
        assert!(shown.starts_with("<AsyncResult at 0x") && shown.ends_with(" unset _links[0]>"));
    }

    #[test]
    fn test_set_exc() -> TestResult {
        let log = Log::<Exception>::new();
        let result = AsyncResult::<()>::new();
        assert!(result.exception().is_none());
        spawn({
            let (result, log) = (result.clone(), log.clone());
            move || log.add(result.get().unwrap_err())
        });
        let exception = Exception::new(ExpectedError("set"));
        result.set_exception(exception.clone());
        sleep(0)?;
        let caught = log.take();
        assert!(caught.len() == 1 && caught[0].same(&exception));
        assert!(result.ready() && !result.successful());
        Ok(())
    }

    /// An exception that is thrown in at once comes before a value that is set later.
    #[test]
    fn test_set() -> TestResult {
        let result = AsyncResult::new();
        let setter = spawn_later(0.05, {
            let result = result.clone();
            move || result.set("hello")
        });
        let timeout = Timeout::new(0).with_exception(ExpectedError("interrupted"));
        timeout.start()?;
        let error = result.get().unwrap_err();
        assert!(timeout.threw(&error));
        setter.kill()?;
        Ok(())
    }

    #[test]
    fn test_set_with_timeout() -> TestResult {
        let result = AsyncResult::new();
        assert_eq!(with_timeout(0.01, || result.get(), "nobody")?, "nobody");
        Ok(())
    }

    #[test]
    fn test_nonblocking_get() {
        let result = AsyncResult::<()>::new();
        let error = result.get_nowait().unwrap_err();
        assert!(error.is::<TimeoutError>());
    }

    /// A value counts before an exception, in any order.
    #[test]
    fn test_a_value_and_an_exception() -> TestResult {
        let result = AsyncResult::new();
        result.set_exception(ExpectedError("first"));
        result.set(1);
        result.set(2);
        assert!(result.successful() && result.exception().is_some());
        assert_eq!((result.get()?, result.wait()?), (2, Some(2)));
        Ok(())
    }

    #[test]
    fn test_future_methods() -> TestResult {
        let result = AsyncResult::new();
        assert!(!result.done() && !result.cancel() && !result.cancelled());
        result.set_result(1);
        assert!(result.done());
        assert_eq!(result.result()?, 1);
        Ok(())
    }
}

mod async_result_as_link_target {
    use super::*;

    #[test]
    fn test_set() -> TestResult {
        let g = spawn(|| 1);
        let (s1, s2, s3) = (AsyncResult::new(), AsyncResult::new(), AsyncResult::new());
        g.link(s1.as_link());
        g.link_value(s2.as_link());
        g.link_exception(s3.as_link());
        assert_eq!((s1.get()?, s2.get()?), (1, 1));
        assert_eq!(with_timeout(0.01, || s3.get(), 0)?, 0);
        Ok(())
    }

    #[test]
    fn test_set_exception() -> TestResult {
        let reports = Reports::new();
        let g = spawn(|| crate::support::fail::<i32>("on purpose"));
        let (s1, s2, s3) = (AsyncResult::new(), AsyncResult::new(), AsyncResult::new());
        g.link(s1.as_link());
        g.link_value(s2.as_link());
        g.link_exception(s3.as_link());
        assert!(s1.get().unwrap_err().is::<ExpectedError>());
        assert_eq!(with_timeout(0.01, || s2.get(), 0)?, 0);
        assert!(s3.get().unwrap_err().is::<ExpectedError>());
        reports.one_with("on purpose");
        Ok(())
    }

    #[test]
    fn test_a_result_linked_to_a_result() -> TestResult {
        let (first, second) = (AsyncResult::new(), AsyncResult::new());
        first.rawlink(second.as_link());
        first.set("passed on");
        assert_eq!(second.get()?, "passed on");
        Ok(())
    }
}

mod event_set_then_clear {
    use super::*;

    fn test_n(n: usize) -> TestResult {
        let _bounded = bounded();
        let event = Event::new();
        let waiters: Vec<_> = (0..n)
            .map(|_| {
                let event = event.clone();
                spawn(move || event.wait())
            })
            .collect();
        while event.linkcount() < n {
            sleep(0)?;
        }
        event.set();
        event.clear();
        for waiter in waiters {
            assert!(waiter.get()?);
        }
        assert!(!event.is_set());
        Ok(())
    }

    #[test]
    fn test() -> TestResult {
        test_n(1)
    }

    #[test]
    fn test_100() -> TestResult {
        test_n(100)
    }

    #[test]
    fn test_1000() -> TestResult {
        test_n(1000)
    }

    /// Greenlets that come after the event was cleared wait for the next time.
    #[test]
    fn test_who_comes_after_the_clear_waits() -> TestResult {
        let log = Log::<(&str, bool)>::new();
        let event = Event::new();
        let waiting = |name: &'static str, seconds: Option<f64>| {
            let (event, log) = (event.clone(), log.clone());
            spawn(move || {
                let set = event.wait_timeout(seconds)?;
                log.add((name, set));
                Ok(())
            })
        };
        let first = waiting("first", None);
        sleep(0)?;
        event.set();
        event.clear();
        let late = waiting("late", Some(0.01));
        joinall([&first, &late])?;
        assert_eq!(log.take(), [("first", true), ("late", false)]);
        Ok(())
    }
}

mod wait_for_many {
    use super::*;

    fn test_with(count: Option<usize>, timeout: Option<f64>) -> TestResult {
        let _bounded = bounded();
        let events: Vec<_> = (0..5).map(|_| Event::new()).collect();
        let results: Vec<_> = (0..5).map(|_| AsyncResult::<()>::new()).collect();
        let sender = spawn({
            let (events, results) = (events.clone(), results.clone());
            move || {
                for (event, result) in events.iter().zip(&results) {
                    sleep(0.001)?;
                    event.set();
                    sleep(0.001)?;
                    result.set(());
                }
                Ok(())
            }
        });
        let all: Vec<Rc<dyn Linkable>> = (events.iter())
            .map(|event| Rc::new(event.clone()) as Rc<dyn Linkable>)
            .chain((results.iter()).map(|result| Rc::new(result.clone()) as Rc<dyn Linkable>))
            .collect();
        let ready = wait_with(all, Wait::default().timeout(timeout).count(count))?;
        assert_eq!(ready.len(), count.unwrap_or(10));
        assert!(ready.iter().all(|object| object.ready()));
        assert_eq!(sender.ready(), count.is_none());
        sender.kill()?;
        let left: usize = events.iter().map(Event::linkcount).sum();
        assert_eq!(left, 0);
        Ok(())
    }

    #[test]
    fn test() -> TestResult {
        test_with(None, Some(50.0))
    }

    #[test]
    fn test_notimeout() -> TestResult {
        test_with(None, None)
    }

    #[test]
    fn test_count1() -> TestResult {
        test_with(Some(1), None)
    }

    #[test]
    fn test_count2() -> TestResult {
        test_with(Some(2), None)
    }
}

mod event_basics {
    use super::*;

    /// gevent's test_weakref: a link does not keep its event alive.
    #[test]
    fn test_weakref() {
        let dropped = Rc::new(Cell::new(false));
        struct OnDrop(Rc<Cell<bool>>);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let event = Event::new();
        let inside = OnDrop(dropped.clone());
        event.rawlink(move |_| {
            let _ = &inside;
        });
        drop(event);
        assert!(dropped.get());
    }

    /// gevent issue 1520: a greenlet that waits for an event which is set does not overtake those that had to wait, and
    /// this takes no further iteration of the loop.
    #[test]
    fn test_wait_while_notifying() -> TestResult {
        let event = Event::new();
        let log = Log::<i32>::new();
        let wait_then_append = |n: i32| {
            let (event, log) = (event.clone(), log.clone());
            move || {
                event.wait()?;
                log.add(n);
                Ok::<_, Exception>(())
            }
        };
        spawn(wait_then_append(1));
        spawn(wait_then_append(2));
        idle(0)?;
        assert_eq!(event.linkcount(), 2);
        let check = get_hub().loop_().check()?;
        check.start({
            let log = log.clone();
            move || log.add(4)
        })?;
        event.set();
        wait_then_append(3)()?;
        check.stop()?;
        assert_eq!(log.take(), [1, 2, 3]);
        Ok(())
    }

    #[test]
    fn test_gevent_wait_twice_when_already_set() -> TestResult {
        let event = Event::new();
        event.set();
        assert_eq!(wait([&event])?, [&event]);
        assert_eq!(wait([&event])?, [&event]);
        Ok(())
    }
}

/// lock_tests.EventTests
mod lock_tests {
    use super::*;

    #[test]
    fn test_is_set() {
        let event = Event::new();
        assert!(!event.is_set());
        event.set();
        assert!(event.is_set());
        event.set();
        assert!(event.is_set());
        event.clear();
        assert!(!event.is_set());
        event.clear();
        assert!(!event.is_set());
    }

    fn check_notify(event: &Event) -> TestResult {
        let greenlets: Vec<_> = (0..5)
            .map(|_| {
                let event = event.clone();
                spawn(move || Ok((event.wait()?, event.wait()?)))
            })
            .collect();
        sleep(0.001)?;
        assert!(greenlets.iter().all(|g| !g.ready()));
        event.set();
        for greenlet in greenlets {
            assert_eq!(greenlet.get()?, (true, true));
        }
        Ok(())
    }

    #[test]
    fn test_notify() -> TestResult {
        let event = Event::new();
        check_notify(&event)?;
        event.set();
        event.clear();
        check_notify(&event)
    }

    #[test]
    fn test_timeout() -> TestResult {
        let event = Event::new();
        let run = |expected: bool| -> TestResult {
            let greenlets: Vec<_> = (0..5)
                .map(|_| {
                    let event = event.clone();
                    spawn(move || Ok((event.wait_timeout(0.0)?, event.wait_timeout(0.01)?)))
                })
                .collect();
            for greenlet in greenlets {
                assert_eq!(greenlet.get()?, (expected, expected));
            }
            Ok(())
        };
        run(false)?;
        assert_eq!(event.linkcount(), 0);
        event.set();
        run(true)
    }
}

mod links {
    use super::*;

    #[test]
    fn test_an_error_of_a_link_does_not_stop_the_others() -> TestResult {
        let reports = Reports::new();
        let log = Log::<&str>::new();
        let event = Event::new();
        event.rawlink(|_| crate::support::fail::<()>("of a link"));
        event.rawlink({
            let log = log.clone();
            move |event: &Event| log.add(if event.is_set() { "set" } else { "clear" })
        });
        event.set();
        sleep(0)?;
        assert_eq!(log.take(), ["set"]);
        reports.one_with("of a link");
        event.clear();
        event.rawlink(|_| -> () { panic!("in a link") });
        event.rawlink({
            let log = log.clone();
            move |_| log.add("after the panic")
        });
        event.set();
        sleep(0)?;
        assert_eq!(log.take(), ["after the panic"]);
        reports.one_with("in a link");
        Ok(())
    }

    /// A function is called once in a round, but the last in line ends the round, and begins another one. The numbers
    /// are gevent's.
    #[test]
    fn test_duplicates_are_merged() -> TestResult {
        get_hub();
        for (last_too, left, expected) in [(false, 0, 1), (true, 3, 3)] {
            let calls = Rc::new(Cell::new(0));
            let event = Event::new();
            let link = event.rawlink({
                let calls = calls.clone();
                move |_| calls.set(calls.get() + 1)
            });
            event.rawlink(|_| &link);
            event.rawlink(|_| ());
            if last_too {
                event.rawlink(|_| &link);
            }
            event.set();
            sleep(0)?;
            assert_eq!((calls.get(), event.linkcount()), (1, left));
            sleep(0)?;
            sleep(0)?;
            assert_eq!((calls.get(), event.linkcount()), (expected, 0));
        }
        Ok(())
    }

    #[test]
    fn test_links_may_remove_and_add_links() -> TestResult {
        let log = Log::<&str>::new();
        let event = Event::new();
        let removed = event.rawlink(|_| -> () { panic!("was removed") });
        event.unlink(&removed);
        let later = Rc::new(Cell::new(None));
        event.rawlink({
            let (log, later) = (log.clone(), later.clone());
            move |event: &Event| {
                log.add("first");
                if let Some(later) = later.take() {
                    event.unlink(&later);
                }
                event.clear();
                let log = log.clone();
                event.rawlink(move |_| log.add("added meanwhile"));
            }
        });
        later.set(Some(event.rawlink(|_| -> () { panic!("was removed by the first") })));
        event.set();
        sleep(0)?;
        assert_eq!(log.take(), ["first"]);
        assert_eq!(event.linkcount(), 1);
        event.set();
        sleep(0)?;
        assert_eq!(log.take(), ["added meanwhile"]);
        Ok(())
    }

    /// As in gevent, the round wakes all greenlets that are in line when it begins.
    #[test]
    fn test_who_comes_between_the_clear_and_the_round_is_told() -> TestResult {
        let event = Event::new();
        let waits = |seconds: f64| {
            let event = event.clone();
            spawn(move || event.wait_timeout(seconds))
        };
        let first = waits(crate::support::LONG);
        sleep(0)?;
        let late = waits(0.005); // runs before the round
        event.set();
        event.clear();
        assert_eq!((first.get()?, late.get()?), (true, true));
        Ok(())
    }

    /// A difference from gevent, where no greenlet is woken by a set during a round that is followed by a clear before
    /// the round's end.
    #[test]
    fn test_set_and_clear_during_a_round() -> TestResult {
        let _bounded = bounded();
        get_hub();
        let event = Event::new();
        let waiter = Rc::new(Cell::new(None));
        event.rawlink(Event::clear);
        event.rawlink({
            let waiter = waiter.clone();
            move |event: &Event| {
                let event = event.clone();
                let greenlet = spawn(move || event.wait());
                greenlet.raw().switch(()).expect("it parks, and the hub goes on");
                waiter.set(Some(greenlet));
            }
        });
        event.rawlink(Event::set);
        event.rawlink(Event::clear);
        event.set();
        sleep(0)?;
        assert!(!event.is_set() && waiter.take().expect("was made").get()?);
        Ok(())
    }

    /// Another difference: in gevent, if the last waiter of a round is unlinked meanwhile, the round goes on with those
    /// that came after it had begun, and tells them that the event is set.
    #[test]
    fn test_a_round_ends_where_it_ended_at_its_begin() -> TestResult {
        get_hub();
        let event = Event::new();
        let late = Rc::new(Cell::new(None));
        let last = Rc::new(Cell::new(None));
        event.rawlink({
            let (late, last) = (late.clone(), last.clone());
            move |event: &Event| {
                let late_link = event.rawlink(|_| -> () { panic!("was not there") });
                late.set(Some(late_link));
                if let Some(last) = last.take() {
                    event.unlink(&last);
                }
            }
        });
        last.set(Some(event.rawlink(|_| ())));
        event.set();
        event.clear();
        sleep(0)?;
        assert_eq!(event.linkcount(), 1);
        event.unlink(&late.take().expect("was added"));
        Ok(())
    }

    /// Another difference: gevent stops the notifier with the last link, and forgets greenlets that wait for their turn
    /// behind it.
    #[test]
    fn test_who_waits_its_turn_is_not_forgotten() -> TestResult {
        let _bounded = bounded();
        let event = Event::new();
        let first = spawn({
            let event = event.clone();
            move || event.wait()
        });
        sleep(0)?;
        let kill = Kill::default().nonblocking();
        first.kill_with(kill)?;
        event.set();
        // The second greenlet's turn is after the first, which is killed before it is woken.
        assert!(event.wait()?);
        assert!(first.value().is_none());
        Ok(())
    }

    #[test]
    fn test_iwait_left_early_leaves_no_links() -> TestResult {
        let events: Vec<_> = (0..3).map(|_| Event::new()).collect();
        events[1].set();
        let mut ready = iwait(&events)?;
        assert_eq!(ready.next().transpose()?, Some(&events[1]));
        drop(ready);
        assert!(events.iter().all(|event| event.linkcount() == 0));
        Ok(())
    }

    /// In a thread without a hub no greenlet can wait, so links are called at once.
    #[test]
    fn test_without_a_hub() {
        let called = Rc::new(Cell::new(false));
        let event = Event::new();
        event.rawlink({
            let called = called.clone();
            move |_| called.set(true)
        });
        event.set();
        assert!(called.get() && hub::get_hub_if_exists().is_none());
    }
}

/// A greenlet comes during a round that does not wake all waiters, and is not woken in that round. Its time limit must
/// still work.
#[test]
fn a_late_waiter_gives_up_in_time() -> TestResult {
    use gevent::abstract_linkable::{AbstractLinkable, Waitable};

    #[derive(Debug)]
    struct Gate(std::cell::Cell<bool>);

    impl Waitable for Gate {
        const KIND: &'static str = "Gate";
        const NOTIFY_ALL: bool = false;

        fn ready(&self) -> bool {
            self.0.get()
        }
    }

    let _bounded = bounded();
    let gate = AbstractLinkable::new(Gate(false.into()));
    let first = spawn({
        let gate = gate.clone();
        move || {
            let told = gate.wait()?;
            gate.state().0.set(false);
            Ok(told)
        }
    });
    sleep(0)?;
    gate.state().0.set(true);
    gate.check_and_notify();
    assert!(!gate.wait_timeout(0.001)?);
    assert!(first.get()?);
    assert_eq!(gate.linkcount(), 0);
    Ok(())
}
