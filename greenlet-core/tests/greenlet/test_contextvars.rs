//! The counterpart of greenlet's test_contextvars.py, written anew: values attached to
//! greenlets stand for context variables.

use std::cell::Cell;
use std::rc::Rc;

use crate::common::{Counted, TestResult};
use greenlet_core::{RawGreenlet, Value, getcurrent};

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Id(u32);

fn current_id() -> Option<Id> {
    getcurrent().local::<Id>().as_deref().copied()
}

#[test]
fn test_context_not_propagated() -> TestResult {
    getcurrent().set_local(Id(1));
    let g = RawGreenlet::new(|_| {
        assert_eq!(current_id(), None);
        getcurrent().set_local(Id(2));
        Ok(Value::None)
    });
    g.switch(())?;
    assert_eq!(current_id(), Some(Id(1)));
    // The value stays with the greenlet, dead or not.
    assert_eq!(g.local::<Id>().as_deref(), Some(&Id(2)));
    Ok(())
}

#[test]
fn test_context_propagated_by_inheriting() -> TestResult {
    getcurrent().set_local(Id(1));
    let g = RawGreenlet::new(|_| {
        assert_eq!(current_id(), Some(Id(1)));
        getcurrent().set_local(Id(2));
        Ok(Value::None)
    });
    g.inherit_locals(&getcurrent());
    g.switch(())?;
    assert_eq!(current_id(), Some(Id(1)));
    Ok(())
}

#[test]
fn test_context_shared() -> TestResult {
    // An inherited value is the same value, not a copy.
    getcurrent().set_local(Cell::new(0));
    for _ in 0..3 {
        let g = RawGreenlet::new(|_| {
            let counter = getcurrent().local::<Cell<i32>>().expect("inherited");
            counter.set(counter.get() + 1);
            Ok(Value::None)
        });
        g.inherit_locals(&getcurrent());
        g.switch(())?;
    }
    assert_eq!(getcurrent().local::<Cell<i32>>().expect("set").get(), 3);
    Ok(())
}

#[test]
fn test_own_values_win_over_inherited_ones() {
    let g = RawGreenlet::new(|_| Ok(Value::None));
    g.set_local(Id(7));
    getcurrent().set_local(Id(1));
    getcurrent().set_local("text");
    g.inherit_locals(&getcurrent());
    assert_eq!(g.local::<Id>().as_deref(), Some(&Id(7)));
    assert_eq!(g.local::<&str>().as_deref(), Some(&"text"));
}

#[test]
fn test_context_assignment_while_running() -> TestResult {
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| {
        main.switch(())?;
        Ok(Value::new(current_id()))
    });
    g.switch(())?;
    g.set_local(Id(3));
    assert_eq!(g.switch(())?.downcast::<Option<Id>>().unwrap(), Some(Id(3)));
    assert_eq!(g.take_local::<Id>().as_deref(), Some(&Id(3)));
    assert_eq!(g.take_local::<Id>(), None);
    Ok(())
}

#[test]
fn test_values_are_dropped_with_the_greenlet() {
    let drops = Rc::new(Cell::new(0));
    let g = RawGreenlet::new(|_| Ok(Value::None));
    g.set_local(Counted(drops.clone()));
    assert_eq!(drops.get(), 0);
    drop(g.set_local(Counted(drops.clone())));
    assert_eq!(drops.get(), 1);
    drop(g);
    assert_eq!(drops.get(), 2);
}

#[test]
fn test_a_value_that_names_its_greenlet_when_dropped() {
    // The destructor runs while the greenlet is being freed, and may use the greenlets of the thread.
    struct Looks;
    impl Drop for Looks {
        fn drop(&mut self) {
            assert!(getcurrent().local::<Looks>().is_none());
        }
    }
    let g = RawGreenlet::new(|_| Ok(Value::None));
    g.set_local(Looks);
    g.set_local(Looks);
    drop(g);
}
