//! Greenlet-local values: the counterpart of gevent's test__local.py, its names kept where they fit.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::{Log, Reports, TestResult, fail};
use gevent::local::Local;
use gevent::{Context, get_hub, joinall, sleep, spawn, spawn_raw};

gevent::local! {
    /// A local in a static.
    static COUNT: Cell<u32> = Cell::new(1);
    static NAME: RefCell<String> = RefCell::default();
}

/// Notes its drop in the log.
struct Sentinel(Log<&'static str>, &'static str);

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.0.add(self.1);
    }
}

#[test]
fn statics_have_a_value_for_each_greenlet() -> TestResult {
    COUNT.with(|count| count.set(5));
    NAME.with(|name| name.borrow_mut().push_str("main"));
    let g = spawn(|| {
        COUNT.with(|count| count.set(count.get() + 1));
        sleep(0)?;
        Ok((COUNT.with(Cell::get), NAME.get().take()))
    });
    assert_eq!(g.get()?, (2, String::new()));
    assert_eq!((COUNT.with(Cell::get), NAME.get().take()), (5, "main".to_owned()));
    let other = std::thread::spawn(|| COUNT.with(Cell::get)).join();
    assert_eq!(other.unwrap(), 1);
    Ok(())
}

#[test]
fn test_locals_collected_when_greenlet_dead_but_still_referenced() -> TestResult {
    let dropped: Log<&str> = Log::new();
    let local: Local<Option<Sentinel>> = Local::new(|| None);
    let (its, log) = (local.clone(), dropped.clone());
    let g = spawn(move || {
        its.set(Some(Sentinel(log.clone(), "value")));
        sleep(0)?;
        log.add("end");
        Ok(())
    });
    sleep(0)?;
    assert_eq!(local.count(), 1);
    g.join()?;
    assert_eq!(dropped.take(), ["end", "value"]);
    assert_eq!(local.count(), 0);
    Ok(())
}

#[test]
fn test_locals_collected_when_unreferenced_even_in_running_greenlet() -> TestResult {
    // The local is dropped, with the values of greenlets that are alive.
    let dropped: Log<&str> = Log::new();
    let log = dropped.clone();
    let g = spawn(move || {
        let local = Local::new({
            let log = log.clone();
            move || Sentinel(log.clone(), "value")
        });
        let kept = local.value();
        drop(local);
        log.add("local dropped");
        drop(kept);
        sleep(100)
    });
    sleep(0)?;
    assert_eq!(dropped.take(), ["local dropped", "value"]);
    g.kill()
}

#[test]
fn values_are_dropped_whatever_the_end() -> TestResult {
    let _reports = Reports::new();
    let dropped: Log<&str> = Log::new();
    let log = dropped.clone();
    let local = Local::new(move || Sentinel(log.clone(), "value"));
    let its = local.clone();
    let raw = spawn_raw(move || {
        its.value();
        sleep(0)
    })?;
    sleep(0)?;
    sleep(0)?;
    assert!(raw.dead() && dropped.is_empty());
    drop(raw);
    assert_eq!(dropped.take(), ["value"]);

    let [a, b, c] = [local.clone(), local.clone(), local.clone()];
    let killed = spawn(move || {
        a.value();
        sleep(100)
    });
    let failed = spawn(move || {
        b.value();
        fail::<()>("at its end")
    });
    let panicked = spawn(move || {
        c.value();
        panic!("at its end");
        #[allow(unreachable_code)]
        ()
    });
    sleep(0)?;
    killed.kill()?;
    joinall([&failed])?;
    joinall([&panicked])?;
    assert_eq!(dropped.take().len(), 3);
    assert_eq!(local.count(), 0);
    Ok(())
}

#[test]
fn test_copy() -> TestResult {
    let local = Local::new(|| vec!["init"]);
    local.set(vec!["main"]);
    let copy = local.copy();
    assert_eq!(copy.get(), ["main"]);
    copy.set(vec!["copy"]);
    assert_eq!(local.get(), ["main"]);
    let its = copy.clone();
    assert_eq!(spawn(move || its.get()).get()?, ["init"]);
    Ok(())
}

#[test]
fn values_are_set_and_taken() {
    let local = Local::new(|| 1);
    assert!(!local.is_set() && local.take().is_none());
    assert_eq!(local.get(), 1);
    local.set(2);
    assert_eq!(local.take().as_deref(), Some(&2));
    assert_eq!(local.get(), 1);
}

/// A value may use other locals when it is dropped, and wait.
#[test]
fn a_drop_may_use_locals_and_wait() -> TestResult {
    struct Waits(Local<Cell<i32>>, Rc<Cell<i32>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let waited = sleep(0).is_ok();
            self.1.set(self.0.with(Cell::get) + i32::from(waited));
        }
    }
    let other = Local::new(|| Cell::new(40));
    let seen = Rc::new(Cell::new(0));
    let sees = seen.clone();
    let local = Local::new(move || Waits(other.clone(), sees.clone()));
    let its = local.clone();
    let g = spawn(move || {
        its.value();
        Ok(())
    });
    g.join()?;
    assert_eq!(seen.get(), 41);
    Ok(())
}

/// A greenlet is unwound while the destructor of one of its values waits. It has ended for the greenlets that join it.
#[test]
fn one_that_is_unwound_while_a_drop_waits_has_ended_for_all() -> TestResult {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            assert!(sleep(1000).is_err(), "it is unwound here");
        }
    }
    let local = Local::new(|| Waits);
    let its = local.clone();
    let g = spawn(move || {
        its.value();
        Ok(5)
    });
    let joined = g.clone();
    let joins = spawn(move || joined.join_timeout(10));
    sleep(0)?;
    assert!(g.raw().active() && !g.ready());
    assert!(g.raw().unwind() && g.ready());
    joins.get()?;
    assert!(g.successful() && g.value().is_none());
    Ok(())
}

#[test]
fn many_locals_come_and_go() -> TestResult {
    let keep = Local::new(|| 0);
    keep.set(1);
    for i in 0..10_000 {
        let local = Local::new(|| 0);
        local.set(i);
    }
    assert_eq!(keep.get(), 1);
    Ok(())
}

/// Panics when it is dropped.
struct Panics(Rc<Cell<u32>>);

impl Drop for Panics {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        std::panic::resume_unwind(Box::new("on purpose"));
    }
}

#[test]
fn a_value_whose_drop_panics_keeps_no_other_from_its_turn() -> TestResult {
    let dropped = Rc::new(Cell::new(0));
    let its = dropped.clone();
    let local = Local::new(move || Panics(its.clone()));
    for _ in 0..3 {
        let local = local.clone();
        spawn(move || {
            local.value();
            drop(local);
            sleep(100)
        });
    }
    local.value();
    sleep(0)?;
    assert_eq!(local.count(), 4);
    let panics = catch_unwind(AssertUnwindSafe(|| drop(local)));
    assert!(panics.is_err());
    assert_eq!(dropped.get(), 4);
    Ok(())
}

/// A greenlet is unwound while the panic of a value's destructor is being reported. It has ended for the greenlets that
/// join it.
#[test]
fn one_that_is_unwound_while_a_drops_panic_is_reported_has_ended() -> TestResult {
    get_hub().set_error_handler(Some(Rc::new(|_: Context<'_>, _| {
        assert!(sleep(1000).is_err(), "it is unwound here");
    })));
    let local = Local::new(|| Panics(Rc::default()));
    let its = local.clone();
    let g = spawn(move || {
        its.value();
    });
    sleep(0)?;
    assert!(g.raw().active() && !g.ready());
    assert!(g.raw().unwind() && g.ready());
    get_hub().set_error_handler(None);
    g.join()
}
