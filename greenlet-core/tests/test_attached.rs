//! Data of a greenlet's own: seen by its function, told when that never runs, dropped at the end.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::Outcome;
use greenlet_core::{
    Attached, Data, Exception, GreenletExit, RawGreenlet, Value, WeakGreenlet, getcurrent,
};

type Log = Rc<RefCell<Vec<&'static str>>>;

/// Logs what becomes of it, and of the function that it came with.
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
    // Its data keep its memory, but not itself.
    greenlet.own.replace(Some(greenlet.greenlet().downgrade()));
    greenlet
}

#[track_caller]
fn assert_log(log: &Log, expected: &[&str]) {
    assert_eq!(log.take(), expected);
}

#[test]
fn test_data_outlive_the_function() -> Outcome {
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
fn test_data_are_told_that_the_function_never_runs() -> Outcome {
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
    // Nobody is left who could be told.
    drop(logged(&log));
    assert_log(&log, &["data", "function", "data"]);
    Ok(())
}

#[test]
fn test_data_outlive_the_unwinding_of_the_stack() -> Outcome {
    let log = Log::default();
    let g = logged(&log);
    g.greenlet().switch(())?;
    drop(g);
    assert_log(&log, &["function", "data"]);
    Ok(())
}

#[test]
fn test_large_and_aligned_ones_find_their_place() -> Outcome {
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
        Ok(Value::new(
            u32::from(data.0[63]) + u32::from(large[4].0[63]),
        ))
    });
    let sum = g.greenlet().switch(())?.downcast::<u32>();
    assert_eq!(sum.ok(), Some(12));
    Ok(())
}

#[test]
fn test_a_panic_of_the_function_leaves_the_data() -> Outcome {
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
