//! The counterpart of the tests of `Waiter` in gevent's test__hub, and of what its `_waiter.py`
//! says about itself; with a hub that has no loop.

use std::cell::RefCell;
use std::rc::Rc;

use greenlet_core::{Exception, GreenletExit, RawGreenlet, Value, getcurrent};
use waiter::{
    ConcurrentObjectUseError, Failed, InvalidSwitchError, MultipleWaiter, NotInHubError, Park, Resume, Source, WaitHub,
    Waiter,
};

type TestResult = Result<(), Exception>;

#[derive(Debug, thiserror::Error)]
#[error("division by zero")]
struct ZeroDivisionError;

/// Whether it was a throw, the greenlet that was woken, and the error.
type Report = (bool, RawGreenlet, Exception);

/// A hub that runs a function of the test in a greenlet of its own, and keeps the errors it is given.
#[derive(Debug)]
struct TestHub {
    greenlet: RawGreenlet,
    errors: RefCell<Vec<Report>>,
}

impl WaitHub for TestHub {
    fn greenlet(&self) -> &RawGreenlet {
        &self.greenlet
    }

    fn before_switch(&self) -> TestResult {
        if self.is_current() {
            return Err(Exception::msg("the hub cannot wait"));
        }
        Ok(())
    }

    fn handle_error(&self, failed: Failed<'_>, exception: Exception) {
        let (thrown, greenlet) = match failed {
            Failed::Switch(greenlet) => (false, greenlet),
            Failed::Throw(greenlet) => (true, greenlet),
        };
        let report = (thrown, greenlet.clone(), exception);
        self.errors.borrow_mut().push(report);
    }
}

/// A hub that calls `work` and returns to the main greenlet each time it is switched to
/// without work.
fn hub_that(work: impl FnOnce() + 'static) -> Rc<TestHub> {
    let main = getcurrent();
    let greenlet = RawGreenlet::new(move |_| {
        work();
        loop {
            main.switch(())?;
        }
    });
    Rc::new(TestHub {
        greenlet,
        errors: RefCell::default(),
    })
}

/// A waiter in this hub.
fn waiter_in<T>(hub: &Rc<TestHub>) -> Waiter<T> {
    let hub: Rc<dyn WaitHub> = hub.clone();
    Waiter::new(hub)
}

/// The hub, and a waiter in it which `work` is given.
fn waiter_in_hub<T: 'static>(work: impl FnOnce(&Waiter<T>) + 'static) -> (Rc<TestHub>, Waiter<T>) {
    let slot: Rc<RefCell<Option<Waiter<T>>>> = Rc::default();
    let hub = hub_that({
        let slot = slot.clone();
        move || work(&slot.take().expect("stored before anybody waits"))
    });
    let waiter = waiter_in(&hub);
    slot.replace(Some(waiter.clone()));
    (hub, waiter)
}

/// The result of a greenlet's function, if it has returned.
type Kept<T> = Rc<RefCell<Option<Result<T, Exception>>>>;

/// A greenlet of the hub's that runs `function`, and keeps what it returns.
fn child<T: 'static>(
    hub: &TestHub,
    function: impl FnOnce() -> Result<T, Exception> + 'static,
) -> (RawGreenlet, Kept<T>) {
    let result = Kept::<T>::default();
    let kept = result.clone();
    let greenlet = RawGreenlet::builder().parent(&hub.greenlet).build(move |_| {
        kept.replace(Some(function()));
        Ok(Value::None)
    });
    (greenlet, result)
}

#[test]
fn test() -> TestResult {
    let hub = hub_that(|| ());
    let waiter = waiter_in(&hub);
    assert_eq!(format!("{waiter:?}"), "<Waiter greenlet=None>");
    assert!(!waiter.ready() && !waiter.successful());
    waiter.switch(25)?;
    assert!(format!("{waiter:?}").starts_with("<Waiter greenlet=None value="));
    assert!(waiter.ready() && waiter.successful() && waiter.exception().is_none());
    assert_eq!((waiter.get()?, waiter.get()?), (25, 25));

    let waiter = waiter_in::<i32>(&hub);
    waiter.throw(ZeroDivisionError)?;
    let text = format!("{waiter:?}");
    assert!(
        text.starts_with("<Waiter greenlet=None exception=") && text.contains("ZeroDivisionError"),
        "{text}"
    );
    assert!(waiter.ready() && !waiter.successful());
    assert!(waiter.get().unwrap_err().is::<ZeroDivisionError>());
    assert!(waiter.exception().unwrap().is::<ZeroDivisionError>());

    let waiter = waiter_in::<i32>(&hub);
    let (greenlet, _) = child(&hub, {
        let waiter = waiter.clone();
        move || waiter.get()
    });
    greenlet.set_name("AName");
    greenlet.switch(())?;
    let text = format!("{waiter:?}");
    assert!(
        text.starts_with("<Waiter greenlet=") && text.contains("AName"),
        "{text}"
    );
    greenlet.throw(GreenletExit)?;
    assert!(greenlet.dead());
    assert_eq!(format!("{waiter:?}"), "<Waiter greenlet=None>");
    Ok(())
}

#[test]
fn switch_wakes_the_getter_with_the_value_and_stores_nothing() -> TestResult {
    let (_hub, waiter) = waiter_in_hub(|waiter| waiter.switch("value").expect("in the hub"));
    assert_eq!(waiter.get()?, "value");
    assert!(!waiter.ready());
    Ok(())
}

#[test]
fn throw_wakes_the_getter_with_the_exception_and_stores_nothing() {
    let (_hub, waiter) = waiter_in_hub::<()>(|waiter| {
        waiter.throw(ZeroDivisionError).expect("in the hub");
    });
    assert!(waiter.get().unwrap_err().is::<ZeroDivisionError>());
    assert!(!waiter.ready());
}

#[test]
fn a_later_value_replaces_the_stored_one_and_clear_forgets_it() -> TestResult {
    let waiter = waiter_in(&hub_that(|| ()));
    waiter.throw(ZeroDivisionError)?;
    waiter.switch(1)?;
    waiter.switch(2)?;
    assert_eq!(waiter.get()?, 2);
    waiter.clear();
    assert!(!waiter.ready() && waiter.exception().is_none());
    Ok(())
}

#[test]
fn only_the_hub_may_wake_a_getter() -> TestResult {
    let hub = hub_that(|| ());
    let waiter = waiter_in(&hub);
    let (greenlet, result) = child(&hub, {
        let waiter = waiter.clone();
        move || waiter.get()
    });
    greenlet.switch(())?;
    let refused = |result: Result<(), NotInHubError>| result.map_err(|error| error.method);
    assert_eq!(refused(waiter.switch(1)), Err("switch"));
    assert_eq!(refused(waiter.throw(ZeroDivisionError)), Err("throw"));
    assert!(!waiter.ready() && result.borrow().is_none());
    greenlet.throw(GreenletExit)?;
    Ok(())
}

#[test]
fn a_second_getter_is_refused_and_the_first_is_left_alone() -> TestResult {
    let hub = hub_that(|| ());
    let waiter = waiter_in::<i32>(&hub);
    let getter = || {
        let waiter = waiter.clone();
        child(&hub, move || waiter.get())
    };
    let ((first, _), (second, result)) = (getter(), getter());
    first.set_name("first");
    first.switch(())?;
    second.switch(())?;
    let error = result.take().expect("it did not park").unwrap_err();
    let error = error.downcast_ref::<ConcurrentObjectUseError>().unwrap();
    assert!(error.user.contains("first"), "{error}");
    assert!(format!("{waiter:?}").contains("first") && first.active());
    first.throw(GreenletExit)?;
    Ok(())
}

#[test]
fn a_getter_woken_by_somebody_else_gets_invalid_switch_error() -> TestResult {
    let hub = hub_that(|| ());
    let waiter = waiter_in::<i32>(&hub);
    let (greenlet, result) = child(&hub, {
        let waiter = waiter.clone();
        move || waiter.get()
    });
    greenlet.switch(())?;
    greenlet.switch(Value::new("from elsewhere"))?;
    let error = result.take().expect("it was woken").unwrap_err();
    assert!(error.is::<InvalidSwitchError>(), "{error:?}");
    // The waiter still works.
    waiter.switch(1)?;
    assert_eq!(waiter.get()?, 1);
    Ok(())
}

#[test]
fn an_error_that_comes_back_is_the_hubs() -> TestResult {
    let slot: Rc<RefCell<Option<Waiter<i32>>>> = Rc::default();
    let hub = hub_that({
        let slot = slot.clone();
        move || {
            let waiter = slot.take().expect("stored below");
            waiter.switch(1).expect("in the hub");
        }
    });
    let waiter = waiter_in(&hub);
    slot.replace(Some(waiter.clone()));
    // It fails once it is woken, and its parent is the hub, which woke it.
    let greenlet = RawGreenlet::builder().parent(&hub.greenlet).build(move |_| {
        waiter.get()?;
        Err(ZeroDivisionError.into())
    });
    greenlet.switch(())?;
    assert!(greenlet.dead());
    let errors = hub.errors.take();
    let [(false, woken, exception)] = &errors[..] else {
        panic!("{errors:?}");
    };
    assert!(*woken == greenlet && exception.is::<ZeroDivisionError>());
    Ok(())
}

#[test]
fn what_comes_back_from_a_throw_is_the_getters_throw() -> TestResult {
    let (hub, waiter) = waiter_in_hub(|waiter: &Waiter<i32>| {
        waiter.throw(ZeroDivisionError).expect("in the hub");
    });
    let getter = RawGreenlet::builder()
        .parent(&hub.greenlet)
        .build(move |_| waiter.get().map(|_| Value::None));
    getter.switch(())?;
    let errors = hub.errors.take();
    let [(true, woken, exception)] = &errors[..] else {
        panic!("{errors:?}");
    };
    assert!(*woken == getter && exception.is::<ZeroDivisionError>());
    Ok(())
}

#[test]
fn a_getter_that_is_unwound_leaves_the_waiter_free() -> TestResult {
    let hub = hub_that(|| ());
    let waiter = waiter_in::<i32>(&hub);
    let (greenlet, _) = child(&hub, {
        let waiter = waiter.clone();
        move || waiter.get()
    });
    greenlet.switch(())?;
    assert!(greenlet.unwind());
    assert_eq!(format!("{waiter:?}"), "<Waiter greenlet=None>");
    waiter.switch(1)?;
    assert_eq!(waiter.get()?, 1);
    Ok(())
}

#[test]
fn the_hub_cannot_get() {
    let (_hub, waiter) = waiter_in_hub::<()>(|waiter| {
        let error = waiter.get().unwrap_err();
        assert_eq!(error.to_string(), "the hub cannot wait");
        assert_eq!(format!("{waiter:?}"), "<Waiter greenlet=None>");
        waiter.throw(ZeroDivisionError).expect("nobody waits");
    });
    assert!(waiter.hub().greenlet().switch(()).is_ok());
    assert!(waiter.get().unwrap_err().is::<ZeroDivisionError>());
}

#[test]
fn a_waiter_takes_what_its_source_ended_with() -> TestResult {
    struct Ended(Result<i32, Exception>);
    impl Source<i32> for Ended {
        fn exception(&self) -> Option<Exception> {
            self.0.as_ref().err().cloned()
        }
        fn value(&self) -> Option<i32> {
            self.0.as_ref().ok().copied()
        }
    }
    let waiter = waiter_in(&hub_that(|| ()));
    waiter.call(&Ended(Ok(7)))?;
    assert_eq!(waiter.get()?, 7);
    waiter.call(&Ended(Err(ZeroDivisionError.into())))?;
    assert!(waiter.get().unwrap_err().is::<ZeroDivisionError>());
    let waiter = MultipleWaiter::new(hub_that(|| ()) as Rc<dyn WaitHub>);
    for value in [7, 8] {
        waiter.call(&Ended(Ok(value)))?;
    }
    waiter.call(&Ended(Err(ZeroDivisionError.into())))?;
    assert_eq!((waiter.get()?, waiter.get()?), (7, 8));
    assert!(waiter.get().unwrap_err().is::<ZeroDivisionError>());
    Ok(())
}

#[test]
fn a_multiple_waiter_loses_no_value_and_keeps_their_order() -> TestResult {
    let slot: Rc<RefCell<Option<MultipleWaiter<i32>>>> = Rc::default();
    let hub = hub_that({
        let slot = slot.clone();
        move || {
            let waiter = slot.take().expect("stored below");
            // The first wakes the getter, which comes back for more.
            for value in 3..6 {
                waiter.switch(value).expect("in the hub");
            }
        }
    });
    let waiter = MultipleWaiter::new(hub as Rc<dyn WaitHub>);
    slot.replace(Some(waiter.clone()));
    for value in 0..3 {
        waiter.switch(value)?;
    }
    let got: Result<Vec<_>, _> = (0..6).map(|_| waiter.get()).collect();
    assert_eq!(got?, [0, 1, 2, 3, 4, 5]);
    Ok(())
}

/// Each value leaves only a mark; an exception is for the `get` that finds no value. This is gevent's, too.
#[test]
fn a_multiple_waiter_tells_what_a_waiter_would_tell_of_marks() -> TestResult {
    let waiter = MultipleWaiter::<i32>::new(hub_that(|| ()) as Rc<dyn WaitHub>);
    let state = || {
        (
            waiter.ready(),
            waiter.successful(),
            waiter.value(),
            waiter.exception().is_some(),
        )
    };
    let empty = (false, false, None, false);
    let (marked, failed) = ((true, true, Some(true), false), (true, false, None, true));
    assert_eq!(state(), empty);
    waiter.switch(1)?;
    assert_eq!(state(), marked);
    waiter.throw(ZeroDivisionError)?;
    assert_eq!((state(), waiter.exc_info().is_some()), (failed, true));
    assert_eq!(waiter.get()?, 1);
    for _ in 0..2 {
        assert!(waiter.get().unwrap_err().is::<ZeroDivisionError>());
        assert_eq!(state(), failed);
    }
    // A value replaces the exception.
    waiter.switch(2)?;
    assert_eq!(state(), marked);
    waiter.clear();
    // Values stay.
    waiter.switch(3)?;
    waiter.clear();
    assert_eq!((state(), waiter.get()?, waiter.get()?), (empty, 2, 3));
    Ok(())
}

#[test]
fn a_multiple_waiter_is_thrown_into_and_waits_again() -> TestResult {
    let slot: Rc<RefCell<Option<MultipleWaiter<i32>>>> = Rc::default();
    let hub = hub_that({
        let slot = slot.clone();
        move || {
            let waiter = slot.take().expect("stored below");
            waiter.throw(ZeroDivisionError).expect("in the hub");
            // The getter has come back.
            waiter.switch(7).expect("in the hub");
        }
    });
    assert!(*hub.greenlet() != getcurrent());
    let waiter = MultipleWaiter::new(hub as Rc<dyn WaitHub>);
    slot.replace(Some(waiter.clone()));
    assert!(!waiter.hub().is_current());
    // The mark of an earlier value does not end the wait.
    waiter.switch(1)?;
    assert_eq!(waiter.get()?, 1);
    assert!(waiter.ready());
    assert!(waiter.get().unwrap_err().is::<ZeroDivisionError>());
    assert!(!waiter.ready());
    assert_eq!(waiter.get()?, 7);
    Ok(())
}

#[test]
fn a_resume_wakes_its_own_park_only() -> TestResult {
    let hub = hub_that(|| ());
    let resumes: Rc<RefCell<Vec<Resume>>> = Rc::default();
    let (greenlet, result) = child(&hub, {
        let (hub, resumes) = (hub.clone(), resumes.clone());
        move || {
            for _ in 0..2 {
                let park = Park::new(&*hub)?;
                let resume = park.resume();
                resumes.borrow_mut().push(resume.clone());
                let got = park.wait_for_any(&*hub)?;
                assert!(resume.is_mine(&got));
            }
            Ok(())
        }
    });
    greenlet.switch(())?;
    let first = resumes.borrow()[0].clone();
    assert!(first.is_parked() && first == first.clone());
    first.switch()?;
    // It is parked for the second time: the first right is used up.
    first.switch()?;
    first.throw(ZeroDivisionError)?;
    assert!(!first.is_parked() && result.borrow().is_none());
    let second = resumes.borrow()[1].clone();
    assert!(second.is_parked() && second != first);
    second.switch()?;
    result.take().expect("it has ended")
}

/// If a refused switch used the wake-up up, the getter would wait for ever.
#[test]
fn a_refused_switch_leaves_the_getter_waiting() -> TestResult {
    let (hub, waiter) = waiter_in_hub(|waiter: &Waiter<i32>| {
        greenlet_core::pinned(|| waiter.switch(1)).expect("in the hub");
        assert!(format!("{waiter:?}").contains("greenlet=<greenlet"), "{waiter:?}");
        waiter.switch(2).expect("in the hub");
    });
    // The getter gets the first value, and the second one is for the next `get`.
    assert_eq!((waiter.get()?, waiter.get()?), (1, 2));
    let errors = hub.errors.take();
    let [(false, getter, exception)] = &errors[..] else {
        panic!("{errors:?}");
    };
    assert_eq!(*getter, getcurrent());
    assert_eq!(
        exception.to_string(),
        "cannot switch in the midst of a callback that must return first"
    );
    Ok(())
}

#[test]
fn a_refused_throw_leaves_the_getter_waiting() -> TestResult {
    let (_hub, waiter) = waiter_in_hub(|waiter: &Waiter<i32>| {
        greenlet_core::pinned(|| waiter.throw(ZeroDivisionError)).expect("in the hub");
        waiter.switch(2).expect("in the hub");
    });
    assert_eq!(waiter.get()?, 2);
    Ok(())
}

/// The value that was handed to the getter must not be lost.
#[test]
fn a_value_on_its_way_to_a_getter_that_is_thrown_into_is_for_the_next() -> TestResult {
    let (_hub, waiter) = waiter_in_hub(|waiter: &Waiter<i32>| {
        greenlet_core::pinned(|| waiter.switch(1)).expect("in the hub");
        waiter.throw(ZeroDivisionError).expect("in the hub");
    });
    assert!(waiter.get().unwrap_err().is::<ZeroDivisionError>());
    assert_eq!(waiter.get()?, 1);
    Ok(())
}
