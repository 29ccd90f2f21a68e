//! The counterpart of greenlet's test_tracing.py, written anew.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::{SomeError, TestResult};
use greenlet_core::{Event, Exception, GreenletExit, RawGreenlet, Tracer, Value, getcurrent, gettrace, settrace};

type Events = Rc<RefCell<Vec<(Event, u64, u64)>>>;

/// Records every event until it is dropped.
struct Recorder(Events);

impl Recorder {
    fn start() -> Recorder {
        let events = Events::default();
        let to = events.clone();
        settrace(Some(Tracer::new(move |event, origin, target| {
            assert_eq!(*target, getcurrent());
            to.borrow_mut().push((event, origin.id(), target.id()));
            Ok(())
        })));
        Recorder(events)
    }

    fn seen(&self) -> Vec<(Event, u64, u64)> {
        self.0.take()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        settrace(None);
    }
}

#[test]
fn test_a_greenlet_tracing() -> TestResult {
    let recorder = Recorder::start();
    let g1 = RawGreenlet::new(|_| Ok(Value::None));
    g1.switch(())?;
    assert_eq!(
        recorder.seen(),
        [(Event::Switch, 0, g1.id()), (Event::Switch, g1.id(), 0)]
    );
    let g2 = RawGreenlet::new(|_| Err(SomeError.into()));
    g2.switch(()).unwrap_err();
    assert_eq!(
        recorder.seen(),
        [(Event::Switch, 0, g2.id()), (Event::Throw, g2.id(), 0)]
    );
    Ok(())
}

#[test]
fn test_throw_and_greenlet_exit() -> TestResult {
    let recorder = Recorder::start();
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| main.switch(()));
    g.switch(())?;
    recorder.seen();
    g.throw(GreenletExit)?;
    assert_eq!(recorder.seen(), [(Event::Throw, 0, g.id()), (Event::Switch, g.id(), 0)]);
    Ok(())
}

#[test]
fn test_unwinding_of_a_dropped_greenlet_is_a_throw() -> TestResult {
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| main.switch(()));
    g.switch(())?;
    let (id, recorder) = (g.id(), Recorder::start());
    drop(g);
    assert_eq!(recorder.seen(), [(Event::Throw, 0, id), (Event::Switch, id, 0)]);
    Ok(())
}

#[test]
fn test_b_exception_disables_tracing() -> TestResult {
    let g = RawGreenlet::new(|got: Value| Ok(got));
    settrace(Some(Tracer::new(|_, _, _| Err(SomeError.into()))));
    // The tracer's error is raised in the greenlet that was switched to, before it begins.
    assert!(g.switch(()).unwrap_err().is::<SomeError>());
    assert!(gettrace().is_none() && g.dead());
    Ok(())
}

#[test]
fn test_panic_in_a_tracer_ends_the_greenlet_it_was_called_in() {
    let g = RawGreenlet::new(|got: Value| Ok(got));
    settrace(Some(Tracer::new(|_, _, target| match target.id() {
        0 => Ok(()),
        _ => panic!("tracer"),
    })));
    let e: Exception = g.switch(()).unwrap_err();
    assert_eq!(e.to_string(), "panicked: tracer");
    assert!(gettrace().is_none(), "a panic ends tracing as an error does");
}

#[test]
fn test_error_of_a_tracer_does_not_call_off_an_unwinding() -> TestResult {
    let drops = Rc::default();
    let g = crate::common::parked(&drops)?;
    settrace(Some(Tracer::new(|_, _, _| Err(SomeError.into()))));
    drop(g);
    assert!(gettrace().is_none() && drops.get() == 1);
    Ok(())
}

/// The events are those of greenlet 3.
#[test]
fn test_switches_that_lead_back_or_nowhere_are_traced_too() -> TestResult {
    let recorder = Recorder::start();
    getcurrent().switch(())?;
    assert_eq!(recorder.seen(), [(Event::Switch, 0, 0)]);
    getcurrent().throw(SomeError).unwrap_err();
    assert_eq!(recorder.seen(), [(Event::Throw, 0, 0)]);

    // A greenlet that never ran is switched to all the same, and dies there.
    let unstarted = RawGreenlet::new(|_| panic!("must not run"));
    unstarted.throw(SomeError).unwrap_err();
    let id = unstarted.id();
    assert_eq!(recorder.seen(), [(Event::Throw, 0, id), (Event::Throw, id, 0)]);
    let unstarted = RawGreenlet::new(|_| panic!("must not run"));
    unstarted.throw(GreenletExit)?;
    let id = unstarted.id();
    assert_eq!(recorder.seen(), [(Event::Throw, 0, id), (Event::Switch, id, 0)]);

    // A dead greenlet passes the message on to its parent, which runs already.
    unstarted.switch(())?;
    unstarted.throw(GreenletExit)?;
    unstarted.throw(SomeError).unwrap_err();
    assert_eq!(
        recorder.seen(),
        [(Event::Switch, 0, 0), (Event::Switch, 0, 0), (Event::Throw, 0, 0)]
    );
    Ok(())
}

#[test]
fn test_ends_that_start_or_kill_an_unstarted_parent_are_traced() -> TestResult {
    for fails in [false, true] {
        let parent = RawGreenlet::new(Ok);
        let child = RawGreenlet::builder().parent(&parent).build(move |_| {
            if fails {
                return Err(SomeError.into());
            }
            Ok(Value::None)
        });
        let recorder = Recorder::start();
        assert_eq!(child.switch(()).is_err(), fails);
        let end = if fails { Event::Throw } else { Event::Switch };
        let (c, p) = (child.id(), parent.id());
        assert_eq!(recorder.seen(), [(Event::Switch, 0, c), (end, c, p), (end, p, 0)]);
    }
    Ok(())
}

#[test]
fn test_set_same_tracer_twice() {
    let tracer = Tracer::new(|_, _, _| Ok(()));
    assert!(settrace(Some(tracer.clone())).is_none());
    let old = settrace(Some(tracer.clone())).expect("it was set");
    assert!(Rc::ptr_eq(&old, &tracer));
    assert!(settrace(None).is_some() && gettrace().is_none());
}

#[test]
fn test_trace_events_multiple_greenlets_switching_siblings() -> TestResult {
    let main = getcurrent();
    let g2 = RawGreenlet::new(move |_| main.switch(()));
    let sibling = g2.clone();
    let g1 = RawGreenlet::new(move |_| sibling.switch(()));
    let recorder = Recorder::start();
    g1.switch(())?;
    let (a, b) = (g1.id(), g2.id());
    assert_eq!(
        recorder.seen(),
        [(Event::Switch, 0, a), (Event::Switch, a, b), (Event::Switch, b, 0)]
    );
    drop(recorder);
    g2.switch(())?;
    g1.switch(())?;
    assert!(g1.dead() && g2.dead());
    Ok(())
}

#[test]
fn test_switches_of_the_tracer_itself_are_not_traced() -> TestResult {
    let helper = RawGreenlet::new(|_| {
        loop {
            getcurrent().parent().expect("a child").switch(())?;
        }
    });
    let calls = Rc::new(RefCell::new(0));
    let c = calls.clone();
    settrace(Some(Tracer::new(move |_, _, target| {
        *c.borrow_mut() += 1;
        helper.set_parent(target)?;
        helper.switch(()).map(drop)
    })));
    let g = RawGreenlet::new(|_| Ok(Value::Token(5)));
    let got = g.switch(());
    settrace(None);
    assert!(matches!(got?, Value::Token(5)));
    assert_eq!(*calls.borrow(), 2);
    Ok(())
}
