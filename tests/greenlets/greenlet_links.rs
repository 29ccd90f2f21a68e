//! The counterpart of the links in gevent's test__greenlet and test__order, written anew.
//!
//! gevent's tests link to events and queues to see the values that come. Here a [`Waiter`] takes the value, and a log
//! the greenlets.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{ExpectedError, LONG, Log, Reports, TestResult, bounded, fail};
use gevent::event::AsyncResult;
use gevent::queue::{Channel, Queue};
use gevent::{Exception, Greenlet, GreenletExit, Link, get_hub, sleep, spawn};
use waiter::Waiter;

/// The ways to add a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Link,
    Value,
    Exception,
    Raw,
}

impl By {
    const ALL: [By; 4] = [By::Link, By::Value, By::Exception, By::Raw];

    fn link<T: 'static>(self, greenlet: &Greenlet<T>, callback: impl Fn(&Greenlet<T>) -> TestResult + 'static) -> Link {
        match self {
            By::Link => greenlet.link(callback),
            By::Value => greenlet.link_value(callback),
            By::Exception => greenlet.link_exception(callback),
            By::Raw => greenlet.rawlink(callback),
        }
    }

    /// Links a waiter, which gets the greenlet's value or exception.
    fn waiter<T: Clone + 'static>(self, greenlet: &Greenlet<T>) -> Waiter<T> {
        let waiter = Waiter::new(get_hub().as_wait_hub());
        let linked = waiter.clone();
        self.link(greenlet, move |source| Ok(linked.call(source)?));
        waiter
    }

    /// Links a log, which notes the greenlets with which it is called.
    fn log<T: 'static>(self, greenlet: &Greenlet<T>) -> Log<Greenlet<T>> {
        let log = Log::new();
        let added = log.clone();
        self.link(greenlet, move |source| {
            added.add(source.clone());
            Ok(())
        });
        log
    }
}

/// Lets links run, also those that links add.
fn settle() {
    for _ in 0..3 {
        sleep(0).expect("nobody throws");
    }
}

/// gevent's TestLink.
mod link {
    use super::*;

    #[test]
    fn test_link_to_asyncresult() -> TestResult {
        let _bounded = bounded();
        let p = spawn(|| 100);
        // The first waiter is linked when the greenlet ends; the others are linked after its end.
        for _ in 0..4 {
            let event = AsyncResult::new();
            p.link(event.as_link());
            assert_eq!(event.get()?, 100);
        }
        assert_eq!(By::Raw.waiter(&p).get()?, 100);
        Ok(())
    }

    #[test]
    fn test_link_to_asyncresult_exception() -> TestResult {
        let _bounded = bounded();
        Reports::new();
        let err = Exception::new(ExpectedError("test_link_to_asyncresult_exception"));
        let thrown = err.clone();
        let p = spawn(move || gevent::getcurrent().throw(thrown).map(drop));
        for _ in 0..4 {
            let event = AsyncResult::new();
            p.link(event.as_link());
            assert!(event.get().unwrap_err().same(&err));
        }
        assert!(By::Raw.waiter(&p).get().unwrap_err().same(&err));
        Ok(())
    }

    #[test]
    fn test_link_to_queue() -> TestResult {
        let _bounded = bounded();
        let p = spawn(|| 100);
        let q = Queue::new();
        for _ in 0..4 {
            let put = q.clone();
            p.link(move |p: &Greenlet<i32>| put.put(p.clone()));
            assert_eq!(q.get()?.get()?, 100);
        }
        Ok(())
    }

    #[test]
    fn test_link_to_channel() -> TestResult {
        let _bounded = bounded();
        let q = Channel::new();
        for value in [101, 102, 103] {
            let put = q.clone();
            let p = spawn(move || value);
            p.link(move |p: &Greenlet<i32>| put.put(p.clone()));
        }
        let mut results = [q.get()?.get()?, q.get()?.get()?, q.get()?.get()?];
        results.sort_unstable();
        assert_eq!(results, [101, 102, 103]);
        Ok(())
    }
}

/// gevent's TestUnlink.
mod unlink {
    use super::*;

    fn test_func(by: By) -> TestResult {
        let _bounded = bounded();
        let p = spawn(|| ());
        let called = Rc::new(Cell::new(0));
        for _ in 0..2 {
            let called = called.clone();
            let link = by.link(&p, move |_| {
                called.set(called.get() + 1);
                Ok(())
            });
            assert_eq!(p.linkcount(), 1);
            p.unlink(&link);
            assert_eq!(p.linkcount(), 0);
            // The link was called already, so there is nothing to take away.
            p.unlink(&link);
        }
        p.join()?;
        settle();
        assert_eq!(called.get(), 0);
        Ok(())
    }

    #[test]
    fn test_func_link() -> TestResult {
        test_func(By::Link)
    }

    #[test]
    fn test_func_link_value() -> TestResult {
        test_func(By::Value)
    }

    #[test]
    fn test_func_link_exception() -> TestResult {
        test_func(By::Exception)
    }

    #[test]
    fn test_func_rawlink() -> TestResult {
        test_func(By::Raw)
    }

    #[test]
    fn test_unlink_all() -> TestResult {
        let _bounded = bounded();
        let p = spawn(|| ());
        let logs = By::ALL.map(|by| by.log(&p));
        assert_eq!(p.linkcount(), 4);
        p.unlink_all();
        assert_eq!(p.linkcount(), 0);
        p.join()?;
        settle();
        assert!(logs.iter().all(Log::is_empty));
        Ok(())
    }
}

/// The greenlets with which links of one kind are called when a greenlet ends. Links are added three times, as links
/// that are added after the end are called, too.
fn links_see<T: Clone + 'static>(by: By, p: &Greenlet<T>, end: impl Fn()) -> Vec<Log<Greenlet<T>>> {
    let logs: Vec<_> = (0..12).map(|_| by.log(p)).collect();
    end();
    settle();
    assert!(p.ready());
    assert_eq!(p.linkcount(), 0);
    logs
}

/// gevent's TestReturn_link and TestReturn_link_value.
mod return_link {
    use super::*;

    fn test_return(by: By) -> TestResult {
        let _bounded = bounded();
        let p = spawn(|| 25);
        for _ in 0..3 {
            let failures = By::Exception.log(&p);
            for log in links_see(by, &p, || p.join().expect("nobody throws")) {
                assert_eq!(log.take(), std::slice::from_ref(&p));
            }
            assert!(failures.is_empty());
            assert_eq!(By::Raw.waiter(&p).get()?, 25);
        }
        p.kill()
    }

    fn test_kill(by: By) -> TestResult {
        let _bounded = bounded();
        let p = spawn(|| sleep(LONG));
        sleep(0)?;
        for _ in 0..3 {
            let failures = By::Exception.log(&p);
            for log in links_see(by, &p, || p.kill().expect("nobody throws")) {
                assert_eq!(log.take(), std::slice::from_ref(&p));
            }
            assert!(failures.is_empty());
            assert!(By::Raw.waiter(&p).get().unwrap_err().is::<GreenletExit>());
        }
        assert!(p.successful());
        Ok(())
    }

    #[test]
    fn test_return_link() -> TestResult {
        test_return(By::Link)
    }

    #[test]
    fn test_return_link_value() -> TestResult {
        test_return(By::Value)
    }

    #[test]
    fn test_return_rawlink() -> TestResult {
        test_return(By::Raw)
    }

    #[test]
    fn test_kill_link() -> TestResult {
        test_kill(By::Link)
    }

    #[test]
    fn test_kill_link_value() -> TestResult {
        test_kill(By::Value)
    }

    #[test]
    fn test_kill_rawlink() -> TestResult {
        test_kill(By::Raw)
    }
}

/// gevent's TestRaise_link and TestRaise_link_exception.
mod raise_link {
    use super::*;

    fn test_raise(by: By) -> TestResult {
        let _bounded = bounded();
        Reports::new();
        let p = spawn(|| gevent::getcurrent().throw(ExpectedError("test_raise")).map(drop));
        for _ in 0..3 {
            let values = By::Value.log(&p);
            for log in links_see(by, &p, || p.join().expect("nobody throws")) {
                assert_eq!(log.take(), std::slice::from_ref(&p));
            }
            assert!(values.is_empty());
            assert!(By::Raw.waiter(&p).get().unwrap_err().is::<ExpectedError>());
        }
        Ok(())
    }

    #[test]
    fn test_raise_link() -> TestResult {
        test_raise(By::Link)
    }

    #[test]
    fn test_raise_link_exception() -> TestResult {
        test_raise(By::Exception)
    }

    #[test]
    fn test_raise_rawlink() -> TestResult {
        test_raise(By::Raw)
    }
}

/// The tests of listeners in gevent's TestStuff.
mod listeners {
    use super::*;

    fn test_multiple_listeners_error<T: 'static>(p: &Greenlet<T>, by: By, reports: &Reports) {
        let results = Log::<i32>::new();
        for (message, result) in [("listener1", Some(10)), ("listener2", Some(20)), ("listener3", None)] {
            let results = results.clone();
            by.link(p, move |_| {
                if let Some(result) = result {
                    results.add(result);
                }
                fail(message)
            });
        }
        p.join().expect("nobody throws");
        settle();
        assert_eq!(results.take(), [10, 20]);
        let reports = reports.take();
        for message in ["listener1", "listener2", "listener3"] {
            assert!(reports.contains(message), "{reports}");
        }
    }

    #[test]
    fn test_multiple_listeners_error_of_a_good_end() {
        let _bounded = bounded();
        let reports = Reports::new();
        for by in [By::Link, By::Raw] {
            test_multiple_listeners_error(&spawn(|| 5), by, &reports);
        }
    }

    #[test]
    fn test_multiple_listeners_error_of_a_bad_end() {
        let _bounded = bounded();
        let reports = Reports::new();
        for by in [By::Link, By::Raw] {
            let p = spawn(|| fail::<()>("test_multiple_listeners_error"));
            test_multiple_listeners_error(&p, by, &reports);
        }
    }

    /// The link that is called first takes the other one away, which is then not called, although the round has begun.
    fn test_multiple_listeners_error_unlink(by: By) -> TestResult {
        let _bounded = bounded();
        let reports = Reports::new();
        let p = spawn(|| 5);
        let results = Log::<i32>::new();
        let links: Rc<RefCell<Vec<Link>>> = Rc::default();
        for (this, other) in [(0, 1), (1, 0)] {
            let (results, known) = (results.clone(), links.clone());
            let link = by.link(&p, move |p| {
                p.unlink(&known.borrow()[other]);
                results.add(this);
                fail("listener")
            });
            links.borrow_mut().push(link);
        }
        by.link(&p, |_| fail("listener3"));
        p.join()?;
        settle();
        // The links own it.
        drop(links.take());
        assert_eq!(results.take(), [0]);
        assert_eq!(reports.take().matches(" failed with ").count(), 2);
        Ok(())
    }

    #[test]
    fn test_multiple_listeners_error_unlink_greenlet_link() -> TestResult {
        test_multiple_listeners_error_unlink(By::Link)
    }

    #[test]
    fn test_multiple_listeners_error_unlink_greenlet_rawlink() -> TestResult {
        test_multiple_listeners_error_unlink(By::Raw)
    }

    #[test]
    fn test_multiple_listeners_error_unlink_async_result_rawlink() -> TestResult {
        let _bounded = bounded();
        let reports = Reports::new();
        let e = AsyncResult::<i32>::new();
        let set = e.clone();
        spawn(move || set.set(6));
        let results = Log::<i32>::new();
        let links: Rc<RefCell<Vec<Link>>> = Rc::default();
        for (this, other) in [(0, 1), (1, 0)] {
            let (results, known) = (results.clone(), links.clone());
            let link = e.rawlink(move |e: &AsyncResult<i32>| {
                e.unlink(&known.borrow()[other]);
                results.add(this);
                fail::<()>("listener")
            });
            links.borrow_mut().push(link);
        }
        e.rawlink(|_| fail::<()>("listener3"));
        assert_eq!(e.get()?, 6);
        settle();
        // The links own it.
        drop(links.take());
        assert_eq!(results.take(), [0]);
        assert_eq!(reports.take().matches(" failed with ").count(), 2);
        Ok(())
    }

    #[test]
    fn test_a_listener_that_panics_does_not_keep_the_others_from_being_called() -> TestResult {
        let _bounded = bounded();
        let reports = Reports::new();
        for by in [By::Link, By::Raw] {
            let p = spawn(|| 5);
            by.link(&p, |_| panic!("of a listener"));
            let log = by.log(&p);
            p.join()?;
            settle();
            assert_eq!(log.take(), [p]);
            reports.one_with("of a listener");
        }
        Ok(())
    }
}

/// gevent's test__order: links are called in the order in which they were added.
mod order {
    use super::*;

    fn test_greenlet_link(count: usize) -> TestResult {
        let _bounded = bounded();
        for by in [By::Link, By::Raw] {
            let log = Log::<usize>::new();
            let first = log.clone();
            let g = spawn(move || first.add(0usize));
            for i in 1..count {
                let log = log.clone();
                by.link(&g, move |_| {
                    log.add(i);
                    Ok(())
                });
            }
            g.join()?;
            assert!(log.take().into_iter().eq(0..count));
        }
        Ok(())
    }

    #[test]
    fn test_greenlet_link_2() -> TestResult {
        test_greenlet_link(2)
    }

    #[test]
    fn test_greenlet_link_3() -> TestResult {
        test_greenlet_link(3)
    }

    #[test]
    fn test_greenlet_link_4() -> TestResult {
        test_greenlet_link(4)
    }

    #[test]
    fn test_greenlet_link_1000() -> TestResult {
        test_greenlet_link(1000)
    }
}
