//! The counterpart of greenlet's test_greenlet.py, written anew.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::common::{SomeError, TestResult};

use greenlet_core::{Exception, GreenletError, GreenletExit, RawGreenlet, State, Value, getcurrent, greenlets};

#[test]
fn test_simple() -> TestResult {
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
fn test_parent_is_the_creator_and_can_change() -> TestResult {
    let main = getcurrent();
    assert!(main.parent().is_none());
    let a = RawGreenlet::new(|_| Ok(Value::None));
    assert_eq!(a.parent(), Some(main.clone()));
    let b = RawGreenlet::new(|_| Ok(Value::None));
    a.set_parent(&b)?;
    assert_eq!(b.set_parent(&a), Err(GreenletError::CyclicParent));
    assert_eq!(b.set_parent(&b), Err(GreenletError::CyclicParent));
    assert_eq!(main.set_parent(&a), Err(GreenletError::MainGreenlet));
    // The result of `a` starts `b`, whose result comes here.
    a.switch(())?;
    assert!(a.dead() && b.dead());
    Ok(())
}

#[test]
fn test_two_children_talk_to_each_other() -> TestResult {
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
    assert_eq!(e.place().expect("it is known").file, file!());
    assert!(g.dead());
}

#[test]
fn test_switch_and_throw_to_a_dead_greenlet_reach_its_parent() -> TestResult {
    let g = RawGreenlet::new(|_| Ok(Value::new(1)));
    g.switch(())?;
    assert_eq!(g.switch(Value::new(7))?.downcast::<i32>().unwrap(), 7);
    assert!(g.throw(SomeError).unwrap_err().is::<SomeError>());
    assert!(g.throw(GreenletExit)?.downcast::<Exception>().is_ok());
    Ok(())
}

#[test]
fn test_result_skips_dead_parents() -> TestResult {
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
fn test_switch_to_self_returns_the_value() -> TestResult {
    let v = getcurrent().switch(Value::new(5))?;
    assert_eq!(v.downcast::<i32>().unwrap(), 5);
    assert!(getcurrent().throw(SomeError).is_err());
    Ok(())
}

#[test]
fn test_threads_have_greenlets_of_their_own() -> TestResult {
    let main = getcurrent();
    let address = main.address();
    std::thread::spawn(move || {
        assert_ne!(getcurrent().address(), address);
        let g = RawGreenlet::new(|_| Ok(Value::Token(9)));
        assert!(matches!(g.switch(()), Ok(Value::Token(9))));
        // This greenlet is left parked at the thread's end, with a handle on its own stack.
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
fn test_exception_survives_io_error() {
    let e = Exception::new(SomeError);
    let io = std::io::Error::from(e.clone());
    assert!(Exception::from(io).same(&e));
    let os = Exception::from(std::io::Error::from_raw_os_error(libc::EPIPE));
    assert_eq!(std::io::Error::from(os).raw_os_error(), Some(libc::EPIPE));
    let boxed: Box<dyn std::error::Error> = e.into();
    assert_eq!(boxed.to_string(), "some error");
}

#[test]
fn test_two_recursive_children() -> TestResult {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let main = getcurrent();
    let (s, m) = (seen.clone(), main.clone());
    let g = RawGreenlet::new(move |_| {
        let s2 = s.clone();
        let parent = m.clone();
        let f = RawGreenlet::new(move |_| {
            s2.borrow_mut().push("f");
            // This switches past its parent, which waits in the switch to it.
            parent.switch(())?;
            s2.borrow_mut().push("f ends");
            Ok(Value::None)
        });
        m.set_local(f.clone());
        f.switch(())?;
        s.borrow_mut().push("g ends");
        Ok(Value::None)
    });
    g.switch(())?;
    seen.borrow_mut().push("main");
    let f = main.take_local::<RawGreenlet>().expect("left by g");
    assert_eq!(f.parent(), Some(g.clone()));
    f.switch(())?;
    assert_eq!(*seen.borrow(), ["f", "main", "f ends", "g ends"]);
    assert!(g.dead() && f.dead());
    Ok(())
}

#[test]
fn test_recursive_startup() -> TestResult {
    // Each greenlet starts the next one inside its own first switch.
    fn nest(depth: usize) -> Result<Value, Exception> {
        if depth == 0 {
            return Ok(Value::Token(0));
        }
        match RawGreenlet::new(move |_| nest(depth - 1)).switch(())? {
            Value::Token(n) => Ok(Value::Token(n + 1)),
            other => Ok(other),
        }
    }
    assert!(matches!(nest(50)?, Value::Token(50)));
    Ok(())
}

#[test]
fn test_falling_off_end_switches_to_unstarted_parent_works() -> TestResult {
    let parent = RawGreenlet::new(|got: Value| {
        assert_eq!(got.downcast::<i32>().unwrap(), 24);
        Ok(Value::new(42))
    });
    let child = RawGreenlet::builder().parent(&parent).build(|_| Ok(Value::new(24)));
    assert_eq!(child.switch(())?.downcast::<i32>().unwrap(), 42);
    assert!(parent.dead());
    Ok(())
}

#[test]
fn test_unstarted_parent_dies_of_its_childs_error() {
    let parent = RawGreenlet::new(|_| panic!("must not run"));
    let child = RawGreenlet::builder().parent(&parent).build(|_| Err(SomeError.into()));
    assert!(child.switch(()).unwrap_err().is::<SomeError>());
    assert!(parent.dead());
}

#[test]
fn test_switch_to_dead_greenlet_reparent() -> TestResult {
    let main = getcurrent();
    let log = Rc::new(RefCell::new(Vec::new()));
    let l = log.clone();
    let other = RawGreenlet::new(move |_| {
        l.borrow_mut().push("other");
        Ok(Value::new(7))
    });
    let dead = RawGreenlet::new(|_| Ok(Value::None));
    dead.switch(())?;
    dead.set_parent(&other)?;
    assert_eq!(dead.switch(())?.downcast::<i32>().unwrap(), 7);
    assert_eq!((&*log.borrow(), getcurrent()), (&vec!["other"], main));
    Ok(())
}

#[test]
fn test_dropping_a_long_chain_of_parents_does_not_recurse() {
    // A greenlet keeps its parent; the last handle's drop frees them all.
    let mut g = RawGreenlet::new(|_| Ok(Value::None));
    for _ in 0..200_000 {
        g = RawGreenlet::builder().parent(&g).build(|_| Ok(Value::None));
    }
    drop(g);
}

#[test]
fn test_running_greenlet_without_handles_goes_on() -> TestResult {
    let done = Rc::new(Cell::new(false));
    let d = done.clone();
    let g = RawGreenlet::new(move |own: Value| {
        drop(own);
        // Nobody has a handle of this greenlet any more, but it can ask for one.
        let me = getcurrent();
        assert!(me.active());
        drop(me);
        d.set(true);
        Ok(Value::None)
    });
    let own = g.clone();
    let main = getcurrent();
    let mover = RawGreenlet::new(move |_| own.switch(Value::new(g)).and_then(|v| main.switch(v)));
    mover.switch(())?;
    assert!(done.get());
    Ok(())
}

#[test]
fn test_main_greenlet_parent_is_none() {
    assert!(getcurrent().parent().is_none());
    assert_eq!(greenlet_core::getmain(), getcurrent());
    assert_eq!(getcurrent().id(), 0);
}

#[test]
fn test_dead_started_active() -> TestResult {
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| main.switch(()));
    assert_eq!((g.started(), g.active(), g.dead()), (false, false, false));
    g.switch(())?;
    assert_eq!((g.started(), g.active(), g.dead()), (true, true, false));
    g.switch(())?;
    assert_eq!((g.started(), g.active(), g.dead()), (true, false, true));
    Ok(())
}

#[test]
fn test_formatting_names_state() -> TestResult {
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| main.switch(()));
    assert!(format!("{g:?}").ends_with(" pending>"));
    g.set_name("worker");
    g.switch(())?;
    assert!(format!("{g:?}").ends_with(" \"worker\" suspended>"), "{g:?}");
    g.switch(())?;
    assert!(format!("{g:?}").ends_with(" dead>"));
    assert!(format!("{:?}", getcurrent()).ends_with(" current main>"));
    Ok(())
}

#[test]
fn test_greenlets_are_listed_with_where_they_are_parked() -> TestResult {
    let main = getcurrent();
    let pending = RawGreenlet::new(|_| Ok(Value::None));
    let m = main.clone();
    let run = move |_| (m.switch(()), line!()).0;
    let line = line!() - 1;
    let parked = RawGreenlet::builder().parent(&pending).build(run);
    parked.switch(())?;
    let all = greenlets();
    assert_eq!(all, [parked.clone(), pending.clone(), main]);
    let info = parked.info();
    assert_eq!(info.state, State::Suspended);
    assert_eq!(info.parent, Some(pending.id()));
    assert_eq!((info.parked_at.file(), info.parked_at.line()), (file!(), line));
    drop((all, parked, pending));
    assert_eq!(greenlets().len(), 1);
    Ok(())
}

#[test]
fn test_backtrace_ends_at_the_greenlets_root() -> TestResult {
    let g = RawGreenlet::new(|_| {
        let trace = std::backtrace::Backtrace::force_capture().to_string();
        Ok(Value::new(trace))
    });
    let Ok(trace) = g.switch(())?.downcast::<String>() else {
        panic!("the greenlet returns a string")
    };
    assert!(trace.contains("test_backtrace_ends_at_the_greenlets_root"));
    // The backtrace ends there, and does not run on into the memory above the stack.
    let frames = trace
        .lines()
        .filter(|line| !line.trim_start().starts_with("at "))
        .count();
    assert!(frames < 60, "{trace}");
    Ok(())
}

#[test]
fn test_registers_survive_a_switch() -> TestResult {
    // More values than registers, integers and floats, alive across switches on both sides.
    fn mix(seed: u64, other: &RawGreenlet) -> Result<(u64, f64), Exception> {
        let mut ints = [0_u64; 24];
        let mut floats = [0_f64; 24];
        for round in 0..100 {
            for i in 0..24_u8 {
                let n = ints[usize::from(i)].wrapping_mul(31) ^ seed ^ u64::from(i);
                ints[usize::from(i)] = std::hint::black_box(n);
                floats[usize::from(i)] += f64::from(i) + f64::from(round) + 0.5;
            }
            other.switch(())?;
        }
        let sum = ints.iter().fold(0, |a: u64, b| a.wrapping_add(*b));
        Ok((sum, floats.iter().sum()))
    }
    let alone = |seed| mix(seed, &getcurrent());
    let (main, there) = (getcurrent(), Rc::new(Cell::new(None)));
    let (m, t) = (main.clone(), there.clone());
    let g = RawGreenlet::new(move |_| {
        t.set(Some(mix(7, &m)?));
        Ok(Value::None)
    });
    g.switch(())?;
    let here = mix(9, &g)?;
    assert_eq!((here, there.get()), (alone(9)?, Some(alone(7)?)));
    Ok(())
}

/// greenlet's test_switch_to_another_thread and test_threaded_reparent. The compiler refuses both; unsafe code
/// that breaks its promise gets these errors.
#[test]
fn test_switch_to_another_thread() {
    struct Smuggled<'a>(&'a RawGreenlet);
    // SAFETY: the other thread makes no handle of the greenlet, and this one waits meanwhile.
    unsafe impl Send for Smuggled<'_> {}

    let greenlet = RawGreenlet::new(Ok);
    let smuggled = Smuggled(&greenlet);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let Smuggled(greenlet) = { smuggled };
            let wrong = |error: &Exception| error.downcast_ref() == Some(&GreenletError::WrongThread);
            assert!(wrong(&greenlet.switch(()).unwrap_err()));
            assert!(wrong(&greenlet.throw(SomeError).unwrap_err()));
            let child = RawGreenlet::new(Ok);
            assert_eq!(child.set_parent(greenlet), Err(GreenletError::WrongThread));
        });
    });
    assert!(!greenlet.started() && !greenlet.dead());
    assert!(greenlet.switch(()).is_ok());
}
