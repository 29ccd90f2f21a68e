//! The counterpart of greenlet's test_throw.py, written anew.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::common::{SomeError, TestResult, parked};
use greenlet_core::{Exception, GreenletExit, RawGreenlet, Value, getcurrent};

#[test]
fn test_throw_is_what_switch_returns() -> TestResult {
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| match main.switch(()) {
        Err(e) if e.is::<SomeError>() => Ok(Value::new("caught")),
        other => other,
    });
    g.switch(())?;
    let v = g.throw(SomeError)?;
    assert_eq!(v.downcast::<&str>().unwrap(), "caught");
    Ok(())
}

#[test]
fn test_throw_into_unstarted_kills_it_unrun() {
    let g = RawGreenlet::new(|_| panic!("must not run"));
    assert!(g.throw(SomeError).unwrap_err().is::<SomeError>());
    assert!(g.dead());
}

#[test]
fn test_throw_greenlet_exit_becomes_the_value() -> TestResult {
    let drops = Rc::new(Cell::new(0));
    for g in [parked(&drops)?, RawGreenlet::new(|_| Ok(Value::None))] {
        let v = g.throw(GreenletExit)?;
        let exit = v.downcast::<Exception>().expect("the exception is the value");
        assert!(exit.is::<GreenletExit>());
        assert!(g.dead());
    }
    assert_eq!(drops.get(), 1);
    Ok(())
}

#[test]
fn test_kill() -> TestResult {
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| {
        main.switch(())?;
        panic!("does not come back here")
    });
    g.switch(())?;
    let v = g.throw(GreenletExit)?;
    assert!(v.downcast::<Exception>().unwrap().is::<GreenletExit>());
    assert!(g.dead());
    // Killing a dead greenlet changes nothing.
    assert!(g.throw(GreenletExit)?.downcast::<Exception>().is_ok());
    Ok(())
}

#[test]
fn test_throw_goes_to_original_parent() -> TestResult {
    let main = getcurrent();
    let f1 = RawGreenlet::new(move |_| match main.switch(Value::new("f1 ready")) {
        Err(e) if e.is::<SomeError>() => Ok(Value::new("caught")),
        other => other,
    });
    let f2 = RawGreenlet::builder().parent(&f1).build(|_| Ok(Value::new("from f2")));
    // f2 never ran: the exception thrown into it goes to its parent, f1, which dies of it unrun.
    assert!(f2.throw(SomeError).unwrap_err().is::<SomeError>());
    assert!(f1.dead() && f2.dead());
    Ok(())
}

#[test]
fn test_throw_into_dead_reaches_the_living_parent() -> TestResult {
    let main = getcurrent();
    let caught = Rc::new(RefCell::new(None));
    let c = caught.clone();
    let f1 = RawGreenlet::new(move |_| {
        *c.borrow_mut() = main.switch(()).err();
        Ok(Value::new("f1 goes on"))
    });
    f1.switch(())?;
    let f2 = RawGreenlet::builder().parent(&f1).build(|_| Ok(Value::None));
    let m = getcurrent();
    f2.set_parent(&m)?;
    f2.switch(())?;
    f2.set_parent(&f1)?;
    let e = Exception::new(SomeError);
    let v = f2.throw(e.clone())?;
    assert_eq!(v.downcast::<&str>().unwrap(), "f1 goes on");
    assert!(caught.borrow().as_ref().unwrap().same(&e));
    Ok(())
}

#[test]
fn test_throw_passes_destructors_and_question_marks() -> TestResult {
    let drops = Rc::new(Cell::new(0));
    let g = parked(&drops)?;
    assert!(g.throw(SomeError).unwrap_err().is::<SomeError>());
    assert_eq!(drops.get(), 1);
    Ok(())
}
