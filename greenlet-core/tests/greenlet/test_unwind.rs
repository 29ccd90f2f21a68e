//! Panics and forced unwinding; greenlet's nearest counterpart is test_cpp.py.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::common::{Counted, SomeError, TestResult};
use greenlet_core::unwind::{Caught, catch, insist, is_told};
use greenlet_core::{Exception, GreenletExit, Panic, RawGreenlet, Value, getcurrent, live_greenlets};

#[test]
fn test_a_destructor_cannot_park_while_its_greenlet_is_unwound() -> TestResult {
    struct Parks(RawGreenlet, Rc<RefCell<Option<Exception>>>);
    impl Drop for Parks {
        fn drop(&mut self) {
            *self.1.borrow_mut() = self.0.switch(()).err();
        }
    }
    let told = Rc::new(RefCell::new(None));
    let (main, t) = (getcurrent(), told.clone());
    let g = RawGreenlet::new(move |_| {
        let _parks = Parks(main.clone(), t);
        main.switch(())
    });
    g.switch(())?;
    drop(g);
    assert!(told.borrow().as_ref().unwrap().is::<GreenletExit>());
    Ok(())
}

#[test]
#[cfg_attr(feature = "asan", ignore = "what is on the stack leaks: that is the point")]
fn test_swallowed_unwinding_is_raised_again_and_then_the_stack_is_given_up() -> TestResult {
    let drops = Rc::new(Cell::new(0));
    let swallowed = Rc::new(Cell::new(0));
    for times in 1..=2 {
        let (main, d, s) = (getcurrent(), Counted(drops.clone()), swallowed.clone());
        let g = RawGreenlet::new(move |_| {
            let _d = d;
            for _ in 0..times {
                let switch = std::panic::AssertUnwindSafe(|| main.switch(()));
                if std::panic::catch_unwind(switch).is_err() {
                    s.set(s.get() + 1);
                }
            }
            main.switch(())
        });
        g.switch(())?;
        drop(g);
    }
    assert_eq!(swallowed.get(), 3);
    // The stack of the second greenlet was given up: the destructor on it never runs.
    assert_eq!(drops.get(), 1);
    Ok(())
}

#[test]
fn test_panic_arrives_with_message_and_payload() {
    let g = RawGreenlet::new(|_| std::panic::panic_any(42_u8));
    let e = g.switch(()).unwrap_err();
    let payload = e.downcast_ref::<Panic>().and_then(Panic::take_payload);
    assert_eq!(*payload.unwrap().downcast::<u8>().unwrap(), 42);
    let g = RawGreenlet::new(|_| panic!("with a {}", "message"));
    let e = g.switch(()).unwrap_err();
    assert_eq!(e.to_string(), "panicked: with a message");
}

#[test]
fn test_panic_goes_to_the_parent_and_can_be_resumed_there() -> TestResult {
    let middle = RawGreenlet::new(|_| {
        let inner = RawGreenlet::new(|_| panic!("deep down"));
        match inner.switch(()) {
            Err(e) if e.is::<Panic>() => {
                let payload = e.downcast_ref::<Panic>().and_then(Panic::take_payload);
                std::panic::resume_unwind(payload.expect("first to ask"))
            }
            other => other,
        }
    });
    let e = middle.switch(()).unwrap_err();
    assert_eq!(e.downcast_ref::<Panic>().unwrap().message(), "deep down");
    Ok(())
}

#[test]
fn test_switch_in_a_destructor_during_a_panic() -> TestResult {
    // A destructor that an ordinary panic runs may park: others run meanwhile, and the panic goes on afterwards.
    struct Parks(RawGreenlet);
    impl Drop for Parks {
        fn drop(&mut self) {
            let _ = self.0.switch(Value::Token(1));
        }
    }
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| {
        let _parks = Parks(main);
        panic!("interrupted")
    });
    assert!(matches!(g.switch(())?, Value::Token(1)));
    let other = RawGreenlet::new(|_| panic!("another one meanwhile"));
    assert_eq!(
        other.switch(()).unwrap_err().to_string(),
        "panicked: another one meanwhile"
    );
    assert_eq!(g.switch(()).unwrap_err().to_string(), "panicked: interrupted");
    Ok(())
}

#[test]
fn test_catch_tells_a_forced_unwinding_from_a_panic() -> TestResult {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (main, s) = (getcurrent(), seen.clone());
    let g = RawGreenlet::new(move |_| match catch(|| main.switch(())) {
        Ok(result) => result,
        Err(Caught::Panic(_)) => Ok(Value::None),
        Err(Caught::Forced(unwind)) => {
            s.borrow_mut().push("cleaning up");
            unwind.resume()
        }
    });
    g.switch(())?;
    drop(g);
    assert_eq!((&*seen.borrow(), live_greenlets()), (&vec!["cleaning up"], 0));
    Ok(())
}

#[test]
fn test_caught_payload_may_end_on_another_thread() -> TestResult {
    // The payload of a forced unwinding is `Send` like any other, so it must not touch its
    // greenlet when it is dropped.
    let sent = Rc::new(Cell::new(None));
    let (main, s) = (getcurrent(), sent.clone());
    let g = RawGreenlet::new(move |_| {
        let switch = std::panic::AssertUnwindSafe(|| main.switch(()));
        s.set(std::panic::catch_unwind(switch).err());
        main.switch(())
    });
    g.switch(())?;
    drop(g);
    let payload = sent.take().expect("the greenlet caught it");
    std::thread::spawn(move || drop(payload))
        .join()
        .expect("nothing happens");
    assert_eq!(live_greenlets(), 0);
    Ok(())
}

/// It must not end the greenlet it was carried to silently, and its parent with it.
#[test]
fn test_a_payload_that_is_carried_to_another_greenlet_is_a_panic_there() -> TestResult {
    use greenlet_core::unwind::{ForcedUnwind, is_forced};

    let caught = Rc::new(Cell::new(None::<ForcedUnwind>));
    let (main, c) = (getcurrent(), caught.clone());
    let g = RawGreenlet::new(move |_| {
        match catch(|| main.switch(())) {
            Err(Caught::Forced(unwind)) => c.set(Some(unwind)),
            other => panic!("should have been unwound, but: {other:?}"),
        }
        Ok(Value::None)
    });
    g.switch(())?;
    drop(g);
    let unwind = caught.take().expect("it was caught");
    // An ordinary greenlet ends by it as by any panic.
    let (main, c) = (getcurrent(), caught.clone());
    let other = RawGreenlet::new(move |_| {
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| unwind.resume()));
        let Err(payload) = payload;
        assert!(!is_forced(&*payload));
        std::panic::resume_unwind(payload)
    });
    assert!(other.switch(()).unwrap_err().is::<Panic>());
    // So does a greenlet that is being unwound itself, by another payload.
    let g = RawGreenlet::new(move |_| {
        let Err(Caught::Forced(unwind)) = catch(|| main.switch(())) else {
            panic!("should have been unwound");
        };
        c.set(Some(unwind));
        Ok(Value::None)
    });
    g.switch(())?;
    drop(g);
    let foreign = caught.take().expect("it was caught");
    let (main, c) = (getcurrent(), Rc::new(Cell::new(false)));
    let its = c.clone();
    let g = RawGreenlet::new(move |_| {
        let Err(Caught::Forced(own)) = catch(|| main.switch(())) else {
            panic!("should have been unwound");
        };
        its.set(matches!(catch(|| foreign.resume()), Err(Caught::Panic(_))));
        own.resume()
    });
    g.switch(())?;
    drop(g);
    assert!(c.get() && live_greenlets() == 0);
    Ok(())
}

#[test]
fn test_ending_normally_after_swallowing_is_fine() -> TestResult {
    let drops = Rc::new(Cell::new(0));
    let (main, d) = (getcurrent(), Counted(drops.clone()));
    let g = RawGreenlet::new(move |_| {
        let _d = d;
        let switch = std::panic::AssertUnwindSafe(|| main.switch(()));
        let _ = std::panic::catch_unwind(switch);
        Err(SomeError.into())
    });
    g.switch(())?;
    drop(g);
    assert_eq!((drops.get(), live_greenlets()), (1, 0));
    // The thread's greenlets work as before.
    let g = RawGreenlet::new(|_| Ok(Value::Token(3)));
    assert!(matches!(g.switch(())?, Value::Token(3)));
    Ok(())
}

#[test]
fn test_unwinding_nests() -> TestResult {
    // A destructor on a stack that is being unwound drops another parked greenlet.
    let drops = Rc::new(Cell::new(0));
    let mut chain = crate::common::parked(&drops)?;
    for _ in 0..20 {
        let (main, inner, d) = (getcurrent(), chain, Counted(drops.clone()));
        chain = RawGreenlet::new(move |_| {
            let _held = (inner, d);
            main.switch(())
        });
        chain.switch(())?;
    }
    drop(chain);
    assert_eq!((drops.get(), live_greenlets()), (21, 0));
    Ok(())
}

#[test]
fn test_reparenting_in_a_destructor_does_not_lead_astray() -> TestResult {
    // After the unwinding, the greenlet that dropped the handle goes on, whatever the parent is by then.
    struct Reparents(RawGreenlet);
    impl Drop for Reparents {
        fn drop(&mut self) {
            let _ = getcurrent().set_parent(&self.0);
        }
    }
    let main = getcurrent();
    let other = RawGreenlet::new(|_| panic!("must not run"));
    let (m, o) = (main.clone(), other.clone());
    let g = RawGreenlet::new(move |_| {
        let _reparents = Reparents(o);
        m.switch(())
    });
    g.switch(())?;
    drop(g);
    assert_eq!(getcurrent(), main);
    assert!(!other.started());
    Ok(())
}

/// Switches to another greenlet when it is dropped, and notes the result.
struct ParksInDrop(RawGreenlet, Rc<RefCell<Vec<String>>>);

impl Drop for ParksInDrop {
    fn drop(&mut self) {
        let came = match self.0.switch(Value::Token(1)) {
            Ok(_) => "resumed".to_owned(),
            Err(e) => e.to_string(),
        };
        self.1.borrow_mut().push(came);
    }
}

/// A greenlet parked in a destructor that its own panic runs, with another such value to drop.
fn parked_in_a_panic(
    log: &Rc<RefCell<Vec<String>>>,
    drops: &Rc<Cell<usize>>,
    keeps: impl Sized + 'static,
) -> Result<RawGreenlet, Exception> {
    let (main, log, drops) = (getcurrent(), log.clone(), drops.clone());
    let g = RawGreenlet::new(move |_| {
        let _keeps = keeps;
        let _counted = Counted(drops);
        let _second = ParksInDrop(main.clone(), log.clone());
        let _first = ParksInDrop(main, log);
        std::panic::resume_unwind(Box::new("on its way"))
    });
    g.switch(())?;
    Ok(g)
}

/// A panic in a destructor that a panic runs would abort the process, so these greenlets are told to
/// end by an exception; their own panic unwinds their stacks.
#[test]
fn test_greenlets_dropped_in_a_destructor_during_a_panic_are_unwound_by_that_panic() -> TestResult {
    let (log, drops) = (Rc::default(), Rc::default());
    let one = parked_in_a_panic(&log, &drops, ())?;
    let other = parked_in_a_panic(&log, &drops, ())?;
    drop(one);
    assert_eq!(*log.borrow(), ["GreenletExit"; 2]);
    assert!(std::thread::panicking(), "the other one still does");
    drop(other);
    assert_eq!(*log.borrow(), ["GreenletExit"; 4]);
    assert_eq!((drops.get(), live_greenlets()), (2, 0));
    assert!(!std::thread::panicking());
    Ok(())
}

#[test]
fn test_a_thread_ends_well_with_a_greenlet_in_a_destructor_during_a_panic() {
    std::thread::spawn(|| {
        let handle = Rc::new(Cell::new(None));
        // This greenlet is kept by its own stack.
        let keeps = handle.clone();
        let g = parked_in_a_panic(&Rc::default(), &Rc::default(), keeps).expect("it parks");
        handle.set(Some(g));
    })
    .join()
    .expect("the thread ends well");
}

/// A greenlet that has caught its panic meanwhile, and waits again and again, is unwound as usual.
#[test]
fn test_a_greenlet_that_catches_its_own_panic_is_unwound_after_it() -> TestResult {
    let (log, drops) = (Rc::<RefCell<Vec<String>>>::default(), Rc::new(Cell::new(0)));
    let (main, l, d) = (getcurrent(), log.clone(), Counted(drops.clone()));
    let g = RawGreenlet::new(move |_| {
        let _d = d;
        let _ = catch(|| {
            let _parks = ParksInDrop(main.clone(), l);
            std::panic::resume_unwind(Box::new("on its way"))
        });
        loop {
            let _ = main.switch(());
        }
    });
    g.switch(())?;
    drop(g);
    assert_eq!((drops.get(), live_greenlets()), (1, 0));
    assert_eq!(*log.borrow(), ["GreenletExit"]);
    Ok(())
}

/// Drops a greenlet in the course of a panic.
fn drop_in_a_panic(g: RawGreenlet) {
    let panicked = catch(move || {
        let _g = g;
        std::panic::resume_unwind(Box::new("drops it"))
    });
    assert!(matches!(panicked, Err::<(), _>(Caught::Panic(_))));
}

/// A greenlet that is dropped during a panic is told by an error first, and made to end if it goes on.
#[test]
fn test_greenlets_dropped_by_a_panic_are_told_and_then_unwound() -> TestResult {
    let (drops, told) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    for ignores in [false, true] {
        let (main, d, t) = (getcurrent(), Counted(drops.clone()), told.clone());
        let g = RawGreenlet::new(move |_| {
            let _d = d;
            loop {
                match main.switch(()) {
                    Err(e) if ignores => assert!(e.is::<GreenletExit>()),
                    other => drop(other?),
                }
                t.set(t.get() + 1);
            }
        });
        g.switch(())?;
        drop_in_a_panic(g);
    }
    assert_eq!((drops.get(), live_greenlets()), (2, 0));
    assert!(told.get() > 100, "{told:?}");
    Ok(())
}

/// `is_told` says whether a greenlet is told, and `insist` makes it end when it is called often enough.
#[test]
fn test_greenlets_that_are_told_know_it_and_can_be_made_to_end() -> TestResult {
    let (drops, told) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (main, d, t) = (getcurrent(), Counted(drops.clone()), told.clone());
    let g = RawGreenlet::new(move |_| {
        let _d = d;
        assert!(!is_told());
        let got = main.switch(());
        assert!(got.unwrap_err().is::<GreenletExit>());
        while is_told() {
            t.set(t.get() + 1);
            insist();
        }
        panic!("this is not reached")
    });
    g.switch(())?;
    drop_in_a_panic(g);
    assert_eq!((drops.get(), live_greenlets()), (1, 0));
    assert!(told.get() > 100, "{told:?}");
    // Without a greenlet that is told, `insist` does nothing.
    insist();
    assert!(!is_told());
    Ok(())
}

/// A panic's payload may itself panic when it is dropped: this panic is printed, and goes no further.
#[test]
fn test_a_payload_that_panics_when_it_is_dropped() -> TestResult {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("bad to the end"));
        }
    }
    let fails = |_| std::panic::resume_unwind(Box::new(Bad));
    let got = RawGreenlet::new(fails).switch(());
    assert!(catch(|| drop(got)).is_ok());
    // The last message of a greenlet that is unwound is dropped where its handle was dropped.
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| {
        let _ = catch(|| main.switch(()));
        std::panic::resume_unwind(Box::new(Bad))
    });
    g.switch(())?;
    assert!(catch(|| drop(g)).is_ok());
    assert_eq!(live_greenlets(), 0);
    Ok(())
}

/// A destructor that runs while a greenlet ends may switch: the greenlet is parked then like any
/// other, and can be continued or dropped.
#[test]
fn test_a_greenlet_that_parks_while_it_looks_for_a_parent() -> TestResult {
    for continued in [true, false] {
        let log = Rc::new(RefCell::new(Vec::new()));
        let owned = ParksInDrop(getcurrent(), log.clone());
        // The child's error kills it unrun, and so drops what its function owns.
        let parent = RawGreenlet::new(move |got| {
            let _owned = &owned;
            Ok(got)
        });
        let child = RawGreenlet::builder().parent(&parent).build(|_| Err(SomeError.into()));
        assert!(matches!(child.switch(())?, Value::Token(1)));
        assert!(parent.dead() && child.active());
        if continued {
            assert!(child.switch(()).unwrap_err().is::<SomeError>());
            assert_eq!(*log.borrow(), ["resumed"]);
        } else {
            drop(child);
        }
        assert_eq!(live_greenlets(), 0);
    }
    Ok(())
}

/// While it ends, a greenlet can become the parent of its own former ancestor.
#[test]
fn test_parents_that_turn_round_while_a_greenlet_ends() -> TestResult {
    struct Reparents(Rc<RefCell<Vec<RawGreenlet>>>);
    impl Drop for Reparents {
        fn drop(&mut self) {
            let family = self.0.take();
            let [parent, child] = &family[..] else { return };
            let main = greenlet_core::getmain();
            child.set_parent(&main).expect("main is nobody's child");
            parent.set_parent(child).expect("no cycle");
        }
    }
    let family = Rc::default();
    let reparents = Reparents(Rc::clone(&family));
    let parent = RawGreenlet::new(move |got| {
        let _reparents = &reparents;
        Ok(got)
    });
    let child = RawGreenlet::builder().parent(&parent).build(|_| Err(SomeError.into()));
    *family.borrow_mut() = vec![parent.clone(), child.clone()];
    assert!(child.switch(()).unwrap_err().is::<SomeError>());
    assert!(parent.dead() && child.dead());
    Ok(())
}
