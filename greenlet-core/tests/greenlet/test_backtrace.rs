//! Backtraces of greenlets that run, and of parked ones.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::rc::Rc;

use crate::common::TestResult;
use greenlet_core::{Exception, RawGreenlet, Value, getcurrent};

/// The names of the functions on the greenlet's stack, the innermost first.
fn functions(greenlet: &RawGreenlet) -> Vec<String> {
    let mut addresses = [0; 300];
    let found = greenlet.backtrace(&mut addresses);
    let mut names = Vec::new();
    for address in &addresses[..found] {
        backtrace::resolve(*address as *mut _, |symbol| {
            names.extend(symbol.name().map(|name| name.to_string()))
        });
    }
    names
}

/// Whether a name is that of the function: the debug information has it with its path or without.
fn is(name: &str, function: &str) -> bool {
    name.split("::").any(|part| part == function)
}

/// Where the function is in the list.
fn place(names: &[String], function: &str) -> Option<usize> {
    names.iter().position(|name| is(name, function))
}

/// Switches to `to` from the depth `n`.
#[inline(never)]
fn parks_below(n: usize, to: &RawGreenlet) -> Result<Value, Exception> {
    let kept = black_box([n; 8]);
    let got = if n == 0 { parks(to) } else { parks_below(n - 1, to) };
    assert_eq!(black_box(kept), [n; 8]);
    got
}

#[inline(never)]
fn parks(to: &RawGreenlet) -> Result<Value, Exception> {
    let got = to.switch(());
    black_box(&got);
    got
}

/// With the switch of `context`, parked greenlets have no backtrace.
const KNOWN: bool = cfg!(not(feature = "context-switch"));

#[test]
fn test_a_parked_greenlet_names_its_functions_and_ends_at_its_root() -> TestResult {
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| parks_below(3, &main));
    assert!(functions(&g).is_empty());
    g.switch(())?;
    let names = functions(&g);
    if KNOWN {
        let innermost = place(&names, "parks");
        assert!(
            innermost.is_some() && innermost < place(&names, "parks_below"),
            "{names:#?}"
        );
        let deep = names.iter().filter(|name| is(name, "parks_below"));
        assert_eq!(deep.count(), 4, "{names:#?}");
        assert!(is(names.last().unwrap(), "root"), "{names:#?}");
        // Nothing of the stack that the unwinder ran on.
        assert_eq!(place(&names, "functions"), None, "{names:#?}");
        assert_eq!(place(&names, "main"), None, "{names:#?}");
        // The innermost frames are the first.
        let mut first = [0; 3];
        assert_eq!(g.backtrace(&mut first), 3);
        let mut all = [0; 300];
        g.backtrace(&mut all);
        assert_eq!(first, all[..3]);
    } else {
        assert!(names.is_empty());
    }
    assert_eq!(g.backtrace(&mut []), 0);
    g.switch(())?;
    assert!(g.dead());
    assert!(functions(&g).is_empty());
    Ok(())
}

#[inline(never)]
fn asks() -> Vec<String> {
    let names = functions(&getcurrent());
    black_box(names)
}

#[test]
fn test_the_current_greenlets_begins_with_who_asks() -> TestResult {
    let names = asks();
    assert!(names[0].contains("functions"), "{names:#?}");
    assert!(
        place(&names, "asks") < place(&names, "test_the_current_greenlets_begins_with_who_asks"),
        "{names:#?}"
    );
    assert!(place(&names, "asks").is_some(), "{names:#?}");
    let g = RawGreenlet::new(move |_| Ok(Value::new(asks())));
    let names = g.switch(())?.downcast::<Vec<String>>().unwrap();
    assert!(names[0].contains("functions"), "{names:#?}");
    // It ends at the root of the greenlet's own stack.
    assert!(is(names.last().unwrap(), "root") || !KNOWN, "{names:#?}");
    Ok(())
}

#[test]
fn test_main_is_seen_by_its_greenlets() -> TestResult {
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| Ok(Value::new(functions(&main))));
    let names = parks(&g)?.downcast::<Vec<String>>().unwrap();
    if KNOWN {
        let parked = place(&names, "parks");
        assert!(
            parked.is_some() && parked < place(&names, "test_main_is_seen_by_its_greenlets"),
            "{names:#?}"
        );
        assert_eq!(place(&names, "functions"), None, "{names:#?}");
    }
    Ok(())
}

/// A backtrace changes nothing: parked greenlets go on with what they had, also at the ends of their stacks.
#[test]
fn test_looking_changes_nothing_at_any_depth() -> TestResult {
    fn dive(n: usize, to: &RawGreenlet) -> Result<usize, Exception> {
        let kept = black_box([n; 4]);
        let below = if n == 0 {
            to.switch(())?;
            0
        } else {
            dive(n - 1, to)?
        };
        Ok(below + black_box(kept)[3])
    }
    let main = getcurrent();
    for depth in [0, 1, 7, 50, 100] {
        let main = main.clone();
        let settings = RawGreenlet::builder().stack_size(256 << 10);
        let g = settings.build(move |_| Ok(Value::new(dive(depth, &main)?)));
        g.switch(())?;
        let used = g.stack_usage();
        let first = functions(&g);
        for _ in 0..20 {
            assert_eq!(functions(&g), first);
        }
        assert_eq!(g.stack_usage(), used);
        let sum = g.switch(())?.downcast::<usize>().unwrap();
        assert_eq!(sum, depth * (depth + 1) / 2);
    }
    Ok(())
}

/// Greenlets look at each other, and at themselves, from a destructor that an unwinding runs, too.
#[test]
fn test_backtraces_are_taken_anywhere() -> TestResult {
    struct Looks(RawGreenlet, Rc<Cell<usize>>);

    impl Drop for Looks {
        fn drop(&mut self) {
            let mut addresses = [0; 64];
            assert!(getcurrent().backtrace(&mut addresses) > 3);
            assert_eq!(self.0.backtrace(&mut addresses) > 3, KNOWN);
            self.1.set(self.1.get() + 1);
        }
    }

    let (main, looked) = (getcurrent(), Rc::new(Cell::new(0)));
    let all = Rc::new(RefCell::new(Vec::<RawGreenlet>::new()));
    for _ in 0..10 {
        let (main, looks) = (main.clone(), Looks(main.clone(), looked.clone()));
        let g = RawGreenlet::new(move |_| {
            let _looks = looks;
            parks(&main)
        });
        g.switch(())?;
        all.borrow_mut().push(g);
    }
    let others = all.clone();
    let looks = RawGreenlet::new(move |_| {
        let seen = others.borrow().iter().filter(|g| !functions(g).is_empty()).count();
        Ok(Value::new(seen))
    });
    let seen = looks.switch(())?.downcast::<usize>().unwrap();
    assert_eq!(seen, if KNOWN { 10 } else { 0 });
    drop(all.take());
    assert_eq!(looked.get(), 10);
    Ok(())
}
