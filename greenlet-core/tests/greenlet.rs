//! The counterpart of greenlet's own test_greenlet, test_throw and test_leaks, written anew.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use greenlet_core::{
    Exception, GreenletError, GreenletExit, Panic, RawGreenlet, Value, getcurrent, live_greenlets,
};

type Outcome = Result<(), Exception>;

#[derive(Debug, thiserror::Error)]
#[error("some error")]
struct SomeError;

/// Adds one to a counter when it is dropped.
struct Counted(Rc<Cell<usize>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A greenlet parked in a switch to the current one, with a [`Counted`] on its stack.
fn parked(drops: &Rc<Cell<usize>>) -> Result<RawGreenlet, Exception> {
    let (main, drops) = (getcurrent(), drops.clone());
    let g = RawGreenlet::new(move |_| {
        let _counted = Counted(drops);
        main.switch(())
    });
    g.switch(())?;
    Ok(g)
}

#[test]
fn test_simple() -> Outcome {
    let lst = Rc::new(RefCell::new(Vec::new()));
    let (l, main) = (lst.clone(), getcurrent());
    let g = RawGreenlet::new(move |_| {
        l.borrow_mut().push(1);
        main.switch(())?;
        l.borrow_mut().push(3);
        Ok(Value::None)
    });
    lst.borrow_mut().push(0);
    g.switch(())?;
    lst.borrow_mut().push(2);
    g.switch(())?;
    lst.borrow_mut().push(4);
    assert_eq!(*lst.borrow(), [0, 1, 2, 3, 4]);
    assert!(g.dead() && g.started() && !g.active());
    Ok(())
}

#[test]
fn test_parent_is_the_creator_and_can_change() -> Outcome {
    let main = getcurrent();
    assert!(main.parent().is_none());
    let a = RawGreenlet::new(|_| Ok(Value::None));
    assert_eq!(a.parent(), Some(main.clone()));
    let b = RawGreenlet::new(|_| Ok(Value::None));
    a.set_parent(&b)?;
    assert_eq!(b.set_parent(&a), Err(GreenletError::CyclicParent));
    assert_eq!(b.set_parent(&b), Err(GreenletError::CyclicParent));
    assert_eq!(main.set_parent(&a), Err(GreenletError::MainGreenlet));
    // a's result starts b, whose result comes here.
    a.switch(())?;
    assert!(a.dead() && b.dead());
    Ok(())
}

#[test]
fn test_two_children_talk_to_each_other() -> Outcome {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let s = seen.clone();
    let f = RawGreenlet::new(move |other: Value| {
        let Ok(other) = other.downcast::<RawGreenlet>() else {
            panic!("the first switch carries the other greenlet")
        };
        s.borrow_mut().push("f");
        other.switch(Value::new(getcurrent()))?;
        s.borrow_mut().push("f again");
        Ok(Value::None)
    });
    let s = seen.clone();
    let g = RawGreenlet::new(move |other: Value| {
        let Ok(other) = other.downcast::<RawGreenlet>() else {
            panic!("f passes itself")
        };
        s.borrow_mut().push("g");
        other.switch(())?;
        Ok(Value::None)
    });
    f.switch(Value::new(g.clone()))?;
    assert_eq!(*seen.borrow(), ["f", "g", "f again"]);
    assert!(g.active());
    Ok(())
}

#[test]
fn test_exception_goes_to_the_parent() {
    let g = RawGreenlet::new(|_| Err(SomeError.into()));
    let e = g.switch(()).unwrap_err();
    assert!(e.is::<SomeError>());
    assert_eq!(e.location().file(), file!());
    assert!(g.dead());
}

#[test]
fn test_throw_is_what_switch_returns() -> Outcome {
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
fn test_throw_greenlet_exit_becomes_the_value() -> Outcome {
    let drops = Rc::new(Cell::new(0));
    for g in [parked(&drops)?, RawGreenlet::new(|_| Ok(Value::None))] {
        let v = g.throw(GreenletExit)?;
        let exit = v
            .downcast::<Exception>()
            .expect("the exception is the value");
        assert!(exit.is::<GreenletExit>());
        assert!(g.dead());
    }
    assert_eq!(drops.get(), 1);
    Ok(())
}

#[test]
fn test_switch_and_throw_to_a_dead_greenlet_reach_its_parent() -> Outcome {
    let g = RawGreenlet::new(|_| Ok(Value::new(1)));
    g.switch(())?;
    assert_eq!(g.switch(Value::new(7))?.downcast::<i32>().unwrap(), 7);
    assert!(g.throw(SomeError).unwrap_err().is::<SomeError>());
    assert!(g.throw(GreenletExit)?.downcast::<Exception>().is_ok());
    Ok(())
}

#[test]
fn test_result_skips_dead_parents() -> Outcome {
    let main = getcurrent();
    let middle = RawGreenlet::new(|_| Ok(Value::None));
    let inner = RawGreenlet::new(move |_| {
        main.switch(())?;
        Ok(Value::new("past the dead"))
    });
    inner.set_parent(&middle)?;
    inner.switch(())?;
    middle.switch(())?;
    let v = inner.switch(())?;
    assert_eq!(v.downcast::<&str>().unwrap(), "past the dead");
    Ok(())
}

#[test]
fn test_switch_to_self_returns_the_value() -> Outcome {
    let v = getcurrent().switch(Value::new(5))?;
    assert_eq!(v.downcast::<i32>().unwrap(), 5);
    assert!(getcurrent().throw(SomeError).is_err());
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
fn test_dropping_the_last_handle_unwinds() -> Outcome {
    let before = live_greenlets();
    let drops = Rc::new(Cell::new(0));
    let g = parked(&drops)?;
    let clone = g.clone();
    drop(g);
    assert_eq!(drops.get(), 0);
    drop(clone);
    assert_eq!((drops.get(), live_greenlets()), (1, before));
    Ok(())
}

#[test]
fn test_greenlet_that_loses_its_last_handle_by_its_own_switch_is_unwound() -> Outcome {
    let drops = Rc::new(Cell::new(0));
    let (main, counted) = (getcurrent(), Counted(drops.clone()));
    RawGreenlet::new(move |_| {
        let _counted = counted;
        main.switch(())
    })
    .switch(())?;
    assert_eq!(drops.get(), 1);
    Ok(())
}

#[test]
fn test_a_destructor_cannot_park_while_its_greenlet_is_unwound() -> Outcome {
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
fn test_swallowed_unwinding_is_raised_again_and_then_the_stack_is_given_up() -> Outcome {
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
    // The second one was given up: its destructor never runs.
    assert_eq!(drops.get(), 1);
    Ok(())
}

#[test]
fn test_stacks_are_reused_and_keep_their_size() -> Outcome {
    fn deep(n: usize) -> usize {
        let pad = std::hint::black_box([n; 64]);
        if n == 0 {
            0
        } else {
            deep(n - 1) + pad[0] - n + 1
        }
    }
    for _ in 0..3 {
        let g = RawGreenlet::builder()
            .stack_size(4 << 20)
            .build(|_| Ok(Value::new(deep(2000))));
        assert_eq!(g.switch(())?.downcast::<usize>().unwrap(), 2000);
    }
    Ok(())
}

#[test]
fn test_threads_have_greenlets_of_their_own() -> Outcome {
    let main = getcurrent();
    let address = main.address();
    std::thread::spawn(move || {
        assert_ne!(getcurrent().address(), address);
        let g = RawGreenlet::new(|_| Ok(Value::Token(9)));
        assert!(matches!(g.switch(()), Ok(Value::Token(9))));
        // Left parked at the thread's end, with a handle in its own stack.
        let main = getcurrent();
        let forever = RawGreenlet::new(move |_| {
            let _own = getcurrent();
            main.switch(())
        });
        forever.switch(()).map(drop)
    })
    .join()
    .expect("the thread ends well")
}

#[test]
fn test_many_greenlets_at_once() -> Outcome {
    let drops = Rc::new(Cell::new(0));
    let all: Vec<_> = (0..20_000)
        .map(|_| parked(&drops))
        .collect::<Result<_, _>>()?;
    for (i, g) in all.into_iter().enumerate() {
        match i % 3 {
            0 => drop(g.switch(())?),
            1 => drop(g.throw(GreenletExit)?),
            _ => drop(g),
        }
    }
    assert_eq!(drops.get(), 20_000);
    Ok(())
}

#[test]
fn test_exception_survives_io_error() {
    let e = Exception::new(SomeError);
    let io = std::io::Error::from(e.clone());
    assert!(Exception::from(io).same(&e));
    let os = Exception::from(std::io::Error::from_raw_os_error(libc::EPIPE));
    assert_eq!(std::io::Error::from(os).raw_os_error(), Some(libc::EPIPE));
    let boxed: Box<dyn std::error::Error> = e.into();
    assert_eq!(boxed.to_string(), "some error");
}
