//! Data of a greenlet's own: its function sees them, they are told when it never runs, and they are dropped at the end.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::common::TestResult;
use greenlet_core::{
    Attached, Data, Exception, GreenletError, GreenletExit, Panic, RawGreenlet, Tracer, Value, WeakGreenlet,
    getcurrent, getmain, settrace,
};

type Log = Rc<RefCell<Vec<&'static str>>>;

/// Data that log what happens to them, and to the function that they came with.
struct Logged {
    log: Log,
    own: RefCell<Option<WeakGreenlet>>,
    number: Cell<u32>,
}

impl Data for Logged {
    fn unrun(greenlet: &Attached<Self>) {
        assert!(greenlet.greenlet().dead());
        greenlet.log.borrow_mut().push("unrun");
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let own = self.own.take();
        assert!(own.is_none_or(|own| own.upgrade().is_none()));
        self.log.borrow_mut().push("data");
    }
}

struct InFunction(Log);

impl Drop for InFunction {
    fn drop(&mut self) {
        self.0.borrow_mut().push("function");
    }
}

fn logged(log: &Log) -> Attached<Logged> {
    let data = Logged {
        log: log.clone(),
        own: RefCell::default(),
        number: Cell::new(1),
    };
    let function = InFunction(log.clone());
    let greenlet = RawGreenlet::builder().build_with(data, move |data, _| {
        let _function = function;
        let parent = getcurrent().parent().expect("it has one");
        let got = parent.switch(());
        data.number.set(data.number.get() + 1);
        got
    });
    // The data keep the greenlet's memory, but not the greenlet.
    greenlet.own.replace(Some(greenlet.greenlet().downgrade()));
    greenlet
}

#[track_caller]
fn assert_log(log: &Log, expected: &[&str]) {
    assert_eq!(log.take(), expected);
}

#[test]
fn test_data_outlive_the_function() -> TestResult {
    let log = Log::default();
    let g = logged(&log);
    g.greenlet().switch(())?;
    assert_eq!(g.number.get(), 1);
    g.greenlet().switch(())?;
    assert_eq!(g.number.get(), 2);
    assert_log(&log, &["function"]);
    let number = g.clone().map(|data| &data.number);
    drop(g);
    number.set(3);
    assert_log(&log, &[]);
    let again = Attached::<Logged>::of(number.greenlet()).expect("it is that");
    drop(number);
    assert_eq!(again.number.get(), 3);
    assert!(Attached::<()>::of(again.greenlet()).is_none());
    drop(again);
    assert_log(&log, &["data"]);
    Ok(())
}

#[test]
fn test_data_are_told_that_the_function_never_runs() -> TestResult {
    let log = Log::default();
    let g = logged(&log);
    assert!(g.greenlet().discard() && !g.greenlet().discard());
    assert_log(&log, &["unrun", "function"]);
    drop(g);
    assert_log(&log, &["data"]);
    let g = logged(&log);
    g.greenlet().throw(GreenletExit)?;
    assert_log(&log, &["unrun", "function"]);
    drop(g);
    // Data are not told when nobody has a handle any more.
    drop(logged(&log));
    assert_log(&log, &["data", "function", "data"]);
    Ok(())
}

#[test]
fn test_data_outlive_the_unwinding_of_the_stack() -> TestResult {
    let log = Log::default();
    let g = logged(&log);
    g.greenlet().switch(())?;
    drop(g);
    assert_log(&log, &["function", "data"]);
    Ok(())
}

#[test]
fn test_large_and_aligned_ones_find_their_place() -> TestResult {
    #[repr(align(64))]
    struct Aligned([u8; 64]);
    impl Data for Aligned {}
    let large = [
        Aligned([1; 64]),
        Aligned([2; 64]),
        Aligned([3; 64]),
        Aligned([4; 64]),
        Aligned([5; 64]),
    ];
    let address = |of: &Aligned| (&raw const *of).addr();
    let g = RawGreenlet::builder().build_with(Aligned([7; 64]), move |data, _| {
        assert!(address(data) % 64 == 0 && large.iter().all(|one| address(one) % 64 == 0));
        Ok(Value::new(u32::from(data.0[63]) + u32::from(large[4].0[63])))
    });
    let sum = g.greenlet().switch(())?.downcast::<u32>();
    assert_eq!(sum.ok(), Some(12));
    Ok(())
}

#[test]
fn test_a_panic_of_the_function_leaves_the_data() -> TestResult {
    let log = Log::default();
    let data = Logged {
        log: log.clone(),
        own: RefCell::default(),
        number: Cell::new(0),
    };
    let g = RawGreenlet::builder().build_with(data, |data, _| {
        data.number.set(5);
        std::panic::resume_unwind(Box::new(0))
    });
    let error: Exception = g.greenlet().switch(()).unwrap_err();
    assert!(error.is::<greenlet_core::Panic>() && g.number.get() == 5);
    assert_log(&log, &[]);
    Ok(())
}

/// Panics when it is dropped, and logs that first.
struct Panics(Log, &'static str);

impl Data for Panics {}

impl Drop for Panics {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
        std::panic::resume_unwind(Box::new(self.1));
    }
}

/// AddressSanitizer checks that nothing is leaked, either.
#[test]
fn test_a_destructor_that_panics_keeps_no_other_from_being_called() {
    let log = Log::default();
    let drop_caught = |g: Attached<Panics>| {
        let weak = g.greenlet().downgrade();
        let panic = catch_unwind(AssertUnwindSafe(|| drop(g))).unwrap_err();
        assert!(weak.upgrade().is_none());
        *panic.downcast::<&str>().unwrap()
    };
    // The destructor of the data panics.
    let (in_function, data) = (InFunction(log.clone()), Panics(log.clone(), "data"));
    let g = RawGreenlet::builder().build_with(data, move |_, _| {
        let _function = in_function;
        Ok(Value::None)
    });
    assert_eq!(drop_caught(g), "data");
    assert_log(&log, &["function", "data"]);
    // The destructor of a function panics, whose greenlet was a parent.
    let (in_function, data) = (Panics(log.clone(), "function"), Number(log.clone()));
    let parent = RawGreenlet::new(|_| Ok(Value::None));
    let weak = parent.downgrade();
    let g = RawGreenlet::builder().parent(&parent).build_with(data, move |_, _| {
        let _function = in_function;
        Ok(Value::None)
    });
    drop(parent);
    assert!(weak.upgrade().is_some());
    let panic = catch_unwind(AssertUnwindSafe(|| drop(g))).unwrap_err();
    assert_eq!(*panic.downcast::<&str>().unwrap(), "function");
    assert_log(&log, &["function", "data"]);
    assert!(weak.upgrade().is_none());
}

/// Data that log only their drop.
struct Number(Log);

impl Data for Number {}

impl Drop for Number {
    fn drop(&mut self) {
        self.0.borrow_mut().push("data");
    }
}

#[test]
fn test_an_unrun_that_panics_takes_the_function_along() {
    struct Refuses(Log);
    impl Data for Refuses {
        fn unrun(greenlet: &Attached<Self>) {
            greenlet.0.borrow_mut().push("unrun");
            std::panic::resume_unwind(Box::new(()));
        }
    }
    let log = Log::default();
    let function = InFunction(log.clone());
    let g = RawGreenlet::builder().build_with(Refuses(log.clone()), move |_, _| {
        let _function = function;
        Ok(Value::None)
    });
    let raw = g.greenlet().clone();
    assert!(catch_unwind(AssertUnwindSafe(|| raw.discard())).is_err());
    assert!(raw.dead() && !raw.discard() && raw.switch(()).is_ok());
    // The function is dropped although the data panic when they are told.
    assert_log(&log, &["unrun", "function"]);
    drop((raw, g));
    assert_log(&log, &[]);
}

#[test]
fn test_data_that_switch_when_they_are_dropped() -> TestResult {
    struct Switches(Rc<RefCell<Option<RawGreenlet>>>);
    impl Data for Switches {}
    impl Drop for Switches {
        fn drop(&mut self) {
            let other = self.0.borrow().clone();
            if let Some(other) = other {
                // The other greenlet ends here, as this one is its parent.
                other.set_parent(&getcurrent()).expect("no cycle");
                other.switch(()).expect("it does not fail");
            }
        }
    }
    let other = Rc::new(RefCell::new(None));
    let g = RawGreenlet::builder().build_with(Switches(other.clone()), |_, _| Ok(Value::None));
    let (again, seen) = (g.greenlet().downgrade(), Rc::new(Cell::new(0)));
    let count = seen.clone();
    other.replace(Some(RawGreenlet::new(move |_| {
        // Meanwhile, the greenlet that is being freed cannot be found, and its memory is not used for another one.
        assert!(again.upgrade().is_none());
        drop(again);
        count.set(count.get() + 1);
        Ok(Value::None)
    })));
    // The last handle is dropped on the stack of a greenlet that ends.
    RawGreenlet::new(move |_| {
        g.greenlet().set_parent(&getcurrent())?;
        g.greenlet().switch(())?;
        drop(g);
        Ok(Value::None)
    })
    .switch(())?;
    assert_eq!(seen.get(), 1);
    Ok(())
}

#[test]
fn test_those_of_no_size_are_dropped_once() -> TestResult {
    thread_local! {
        static DROPS: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
    }
    struct NoData;
    impl Data for NoData {}
    impl Drop for NoData {
        fn drop(&mut self) {
            DROPS.set((DROPS.get().0 + 1, DROPS.get().1));
        }
    }
    struct NoCapture;
    impl Drop for NoCapture {
        fn drop(&mut self) {
            DROPS.set((DROPS.get().0, DROPS.get().1 + 1));
        }
    }
    let make = || {
        let capture = NoCapture;
        let function = move |_: &NoData, _| {
            let _capture = &capture;
            Ok(Value::None)
        };
        assert_eq!(size_of_val(&function), 0);
        RawGreenlet::builder().build_with(NoData, function)
    };
    drop(make());
    assert_eq!(DROPS.take(), (1, 1));
    let g = make();
    g.greenlet().switch(())?;
    assert_eq!(DROPS.get(), (0, 1));
    drop(g);
    assert_eq!(DROPS.take(), (1, 1));
    Ok(())
}

/// Data that count how often they are told.
#[derive(Default)]
struct Told(Cell<u32>);

impl Data for Told {
    fn unrun(greenlet: &Attached<Self>) {
        greenlet.0.set(greenlet.0.get() + 1);
    }
}

/// A greenlet whose function must not be called.
fn must_not_run(parent: &RawGreenlet) -> Attached<Told> {
    let builder = RawGreenlet::builder().parent(parent);
    builder.build_with(Told::default(), |_, _| unreachable!())
}

/// If they were not told, a wait for the greenlet would never end.
#[test]
fn test_data_are_told_when_a_panic_comes_before_the_function() {
    let main = getcurrent();
    // The tracer panics.
    let g = must_not_run(&main);
    let old = settrace(Some(Tracer::new(|_, _, _| panic!("traced"))));
    let error = g.greenlet().switch(()).unwrap_err();
    assert!(settrace(old).is_none());
    assert!(error.is::<Panic>() && g.greenlet().dead());
    assert_eq!(g.0.get(), 1);
    // A destructor panics, of the data of the greenlet that has just ended.
    struct Panics;
    impl Data for Panics {}
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let g = must_not_run(&main);
    let starter = Rc::new(RefCell::new(None::<RawGreenlet>));
    let its = starter.clone();
    let ends = RawGreenlet::builder()
        .parent(g.greenlet())
        .build_with(Panics, move |_, _| {
            // The only handle of this greenlet is on the stack that is unwound here.
            assert!(its.take().is_some_and(|starter| starter.unwind()));
            Ok(Value::None)
        });
    let first = RawGreenlet::new(move |_| ends.greenlet().switch(()));
    starter.replace(Some(first.clone()));
    let error = first.switch(()).unwrap_err();
    assert!(error.is::<Panic>() && g.greenlet().dead());
    assert_eq!(g.0.get(), 1);
}

/// The tracer switches away, and the greenlet is unwound there.
#[test]
fn test_data_are_told_when_the_greenlet_is_unwound_before_the_function() -> TestResult {
    let main = getcurrent();
    let g = must_not_run(&main);
    let old = settrace(Some(Tracer::new(move |_, _, _| main.switch(()).map(drop))));
    g.greenlet().switch(())?;
    settrace(old);
    assert!(g.greenlet().unwind());
    assert_eq!(g.0.get(), 1);
    Ok(())
}

/// If each refused switch gave the stack up anew, it would overflow.
#[test]
#[cfg_attr(feature = "asan", ignore = "what is on the stack leaks: that is the point")]
fn test_data_of_a_stack_that_is_given_up_cannot_switch() -> TestResult {
    #[derive(Default)]
    struct Switches(Cell<Option<Exception>>);
    impl Data for Switches {
        fn unrun(greenlet: &Attached<Self>) {
            let refused = getmain().switch(()).unwrap_err();
            assert!(greenlet.0.replace(Some(refused)).is_none());
        }
    }
    let g = RawGreenlet::builder().build_with(Switches::default(), |_, _| {
        loop {
            let switch = AssertUnwindSafe(|| getmain().switch(()));
            let _ = catch_unwind(switch);
        }
    });
    g.greenlet().switch(())?;
    assert!(g.greenlet().unwind());
    let refused = g.0.take().expect("it was told");
    let refused = refused.downcast_ref::<GreenletError>();
    assert_eq!(refused, Some(&GreenletError::Unwinding));
    Ok(())
}

/// Data wait when they are told: if the greenlet is ended again, the function is dropped.
#[test]
fn test_a_function_goes_though_the_data_wait_when_they_are_told() -> TestResult {
    struct Waits(RawGreenlet);
    impl Data for Waits {
        fn unrun(greenlet: &Attached<Self>) {
            let _ = greenlet.0.switch(());
        }
    }

    let owned = Rc::new(());
    let its = owned.clone();
    let g = RawGreenlet::builder().build_with(Waits(getcurrent()), move |_, _| {
        drop(its);
        Ok(Value::None)
    });
    let raw = g.greenlet().clone();
    let ends = RawGreenlet::new(move |_| {
        raw.discard();
        Ok(Value::None)
    });
    ends.switch(())?;
    assert!(g.greenlet().dead() && !ends.dead());
    assert_eq!(Rc::strong_count(&owned), 2);
    assert!(g.greenlet().unwind());
    assert_eq!(Rc::strong_count(&owned), 1);
    // The call in which the data wait is still to return.
    ends.switch(()).map(drop)
}

/// A greenlet that is unwound in the tracer, before its function begins, must not keep the function.
#[test]
fn test_a_function_goes_though_its_greenlet_is_unwound_in_the_tracer() -> TestResult {
    struct Nothing;
    impl Data for Nothing {}

    let owned = Rc::new(());
    let its = owned.clone();
    let g = RawGreenlet::builder().build_with(Nothing, move |_, _| {
        drop(its);
        Ok(Value::None)
    });
    let (main, first) = (getcurrent(), g.greenlet().clone());
    let before = settrace(Some(Tracer::new(move |_, _, target| {
        if *target == first {
            main.switch(())?;
        }
        Ok(())
    })));
    g.greenlet().switch(())?;
    settrace(before);
    assert!(g.greenlet().unwind());
    assert_eq!(Rc::strong_count(&owned), 1);
    Ok(())
}
