//! The counterpart of gevent's test__greenlet, but for links, kills and joins, and of its
//! test__GreenletExit and test___ident, written anew.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::support::{ExpectedError, LONG, Log, Reports, TestResult, bounded, fail};
use gevent::hub::core::ErrorHandler;
use gevent::{
    AnyGreenlet, Context, Exception, Greenlet, GreenletExit, RawGreenlet, Value, get_hub, getcurrent, joinall, sleep,
    spawn, spawn_later, spawn_raw,
};
use greenlet_core::{Tracer, settrace};

/// gevent's test__GreenletExit checks that `except Exception` does not catch it. Here a `GreenletExit` is an error like
/// others, which the hub takes for a good end.
#[test]
fn test_greenlet_exit_is_no_error() {
    let exit = Exception::new(GreenletExit);
    assert!(gevent::hub::Hub::NOT_ERROR(&exit));
    assert!(!gevent::hub::Hub::SYSTEM_ERROR(&exit));
}

/// The states of a greenlet: truth value or `started`, dead, ready, successful.
fn states<T: Clone + 'static>(g: &Greenlet<T>) -> [bool; 4] {
    [g.started(), g.dead(), g.ready(), g.successful()]
}

/// gevent's TestBasic.
mod basic {
    use super::*;

    #[test]
    fn test_simple_exit() -> TestResult {
        let _bounded = bounded();
        let link_test = Log::<Greenlet<i32>>::new();
        let goes_on = Rc::new(Cell::new(false));
        let go = goes_on.clone();
        let g = Greenlet::new(move || {
            while !go.get() {
                sleep(0)?;
            }
            Ok(5)
        });
        let linked = link_test.clone();
        g.rawlink(move |g| linked.add(g.clone()));
        assert_eq!(states(&g), [false, false, false, false]);
        assert!(g.value().is_none() && g.exception().is_none());

        g.start()?;
        assert_eq!(states(&g), [true, false, false, false]);
        sleep(0)?;
        assert_eq!(states(&g), [true, false, false, false]);
        assert!(g.value().is_none() && g.exception().is_none() && link_test.is_empty());

        goes_on.set(true);
        g.join()?;
        assert_eq!(states(&g), [false, true, true, true]);
        assert_eq!((g.value(), g.exception().is_none()), (Some(5), true));
        assert_eq!(link_test.take(), [g]);
        Ok(())
    }

    #[test]
    fn test_error_exit() -> TestResult {
        let _bounded = bounded();
        let reports = Reports::new();
        let link_test = Log::<Greenlet<i32>>::new();
        let g = Greenlet::new(|| {
            sleep(0.001)?;
            fail("test_error_exit")
        });
        let linked = link_test.clone();
        g.rawlink(move |g| linked.add(g.clone()));
        g.start()?;
        g.join()?;
        assert_eq!(states(&g), [false, true, true, false]);
        assert_eq!(g.value(), None);
        let exception = g.exception().expect("it failed");
        assert_eq!(exception.downcast_ref(), Some(&ExpectedError("test_error_exit")));
        assert_eq!(link_test.take(), [g]);
        reports.one_with("test_error_exit");
        Ok(())
    }

    /// gevent's `exc_info` is part of the [`Exception`] here: the place where it was raised.
    #[test]
    fn test_exc_info_no_error() -> TestResult {
        let _bounded = bounded();
        assert!(Greenlet::new(|| ()).exception().is_none());
        let g = spawn(|| sleep(0));
        g.join()?;
        assert!(g.exception().is_none());
        Reports::new();
        let g = spawn(|| fail::<()>("with a place"));
        g.join()?;
        let place = g.exception().expect("it failed").place().expect("it is known");
        assert!(place.file.ends_with("mod.rs"), "{place}");
        Ok(())
    }

    /// gevent's test_recursion_error: the hub gets the error of a greenlet that cannot run to its end, once, and others
    /// are not disturbed. (A stack that overflows ends the process, with a message.)
    #[test]
    fn test_recursion_error() -> TestResult {
        let _bounded = bounded();
        fn recur(depth: usize) -> usize {
            assert!(depth < 100, "recursion depth exceeded");
            recur(depth + 1) + 1
        }
        let errors = Log::<(RawGreenlet, Exception)>::new();
        let seen = errors.clone();
        let handler: Rc<dyn ErrorHandler> = Rc::new(move |context: Context<'_>, error: Exception| {
            let whose = context.greenlet().expect("nobody else fails");
            seen.add((whose.clone(), error));
        });
        get_hub().set_error_handler(Some(handler));
        let g = spawn(|| recur(0));
        let joined = g.clone();
        let g2 = spawn(move || joinall([joined]).map(drop));
        joinall([&g2])?;
        get_hub().set_error_handler(None);
        assert!(g.get().is_err() && !g.successful() && g.dead());
        let errors = errors.take();
        let [(whose, error)] = &errors[..] else {
            panic!("{errors:?}");
        };
        assert_eq!(AnyGreenlet::of(whose), Some(g.any()));
        assert!(error.to_string().contains("recursion depth"), "{error}");
        Ok(())
    }

    #[test]
    fn test_spawn_raw() -> TestResult {
        let _bounded = bounded();
        let value = Log::<&str>::new();
        let v = value.clone();
        let g = spawn_raw(move || v.add("value"))?;
        assert!(value.is_empty() && !g.dead());
        sleep(0)?;
        assert!(g.dead());
        assert_eq!(value.take(), ["value"]);
        Ok(())
    }

    #[test]
    fn test_tree_locals() -> TestResult {
        let _bounded = bounded();
        let func = || {
            let child = Greenlet::new(|| ());
            let same = child
                .spawn_tree_locals()
                .same(&gevent::greenlet::SpawnTreeLocals::of(&getcurrent()));
            assert!(same);
            assert_eq!(child.spawning_greenlet(), Some(getcurrent()));
        };
        let (g, g2) = (Greenlet::new(func), Greenlet::new(func));
        assert!(!g.spawn_tree_locals().same(&g2.spawn_tree_locals()));
        assert_eq!(g.spawning_greenlet(), Some(getcurrent()));
        g.start()?;
        g.get()?;
        let tree = g.spawn_tree_locals();
        let raw = spawn_raw(move || {
            func();
            let own = gevent::greenlet::SpawnTreeLocals::of(&getcurrent());
            assert!(!own.same(&tree));
            Ok(())
        })?;
        let reports = Reports::new();
        sleep(0)?;
        assert!(raw.dead());
        assert_eq!(reports.take(), "");
        Ok(())
    }

    #[test]
    fn test_add_spawn_callback() -> TestResult {
        let _bounded = bounded();
        let called = Log::<AnyGreenlet>::new();
        let seen = called.clone();
        let callback: Rc<dyn Fn(&AnyGreenlet)> = Rc::new(move |g| seen.add(g.clone()));
        AnyGreenlet::add_spawn_callback(callback.clone());
        let greenlets = [spawn(|| ()), spawn_later(0.0001, || ()), Greenlet::new(|| ())];
        assert_eq!(called.len(), 2);
        greenlets[2].start()?;
        greenlets[2].start()?;
        assert_eq!(called.take(), greenlets.each_ref().map(Greenlet::any));
        AnyGreenlet::remove_spawn_callback(&callback);
        spawn(|| ()).join()?;
        assert!(called.is_empty());
        joinall(&greenlets)?;
        Ok(())
    }

    /// A spawn callback may use the greenlet as other code may.
    #[test]
    fn test_spawn_callback_that_starts_or_kills() -> TestResult {
        let _bounded = bounded();
        let callback: Rc<dyn Fn(&AnyGreenlet)> = Rc::new(|g| {
            let done = match &*g.name() {
                "killed" => g.kill(),
                "later" => g.start_later(0.001),
                _ => Ok(()),
            };
            done.expect("nobody throws");
        });
        AnyGreenlet::add_spawn_callback(callback.clone());
        let spawn = |name| Greenlet::builder().name(name).spawn(|| 7);
        let (killed, other) = (spawn("killed"), spawn("other"));
        AnyGreenlet::remove_spawn_callback(&callback);
        assert_eq!(states(&killed), [false, true, true, true]);
        joinall([&killed, &other])?;
        assert!(killed.get().unwrap_err().is::<GreenletExit>());
        assert_eq!(other.get()?, 7);
        Ok(())
    }

    /// Methods that do not concern the value work without its type.
    #[test]
    fn test_any_greenlet() -> TestResult {
        let _bounded = bounded();
        let g = Greenlet::new(|| 7);
        let any = g.any();
        any.set_name("any");
        assert_eq!(&*g.name(), "any");
        assert_eq!(any.minimal_ident(), g.minimal_ident());
        assert_eq!(any.spawning_greenlet(), Some(getcurrent()));
        assert_eq!(any.spawning_location(), g.spawning_location());
        assert!(any.spawn_tree_locals().same(&g.spawn_tree_locals()));
        any.start_later(0.001)?;
        assert!(any.started());
        any.start()?;
        assert_eq!(g.get()?, 7);
        Ok(())
    }

    /// gevent's test_getframe_value_error is about a stack that is not deep enough to find the spawning place. Here the
    /// place is known when the program is compiled.
    #[test]
    fn test_spawning_location() {
        let child = Greenlet::new(|| ());
        let place = child.spawning_location();
        assert_eq!((place.file(), place.line()), (file!(), line!() - 2));
    }

    /// gevent's test_minimal_ident_parent_not_hub: in gevent the parent must be a hub, which gives the number.
    #[test]
    fn test_minimal_ident_parent_not_hub() -> TestResult {
        let _bounded = bounded();
        let g = spawn(|| 1);
        assert_eq!(g.raw().parent().as_ref(), Some(get_hub().greenlet()));
        g.raw().set_parent(&getcurrent())?;
        let ident = g.minimal_ident();
        g.raw().set_parent(get_hub().greenlet())?;
        assert_eq!(g.minimal_ident(), ident);
        g.kill()
    }
}

/// gevent's TestStuff and test___ident.
mod idents {
    use super::*;

    #[test]
    fn test_minimal_id() -> TestResult {
        let _bounded = bounded();
        let (g, other) = (spawn(|| 1), spawn(|| 2));
        let ident = g.minimal_ident();
        assert_eq!(g.minimal_ident(), ident);
        assert_ne!(other.minimal_ident(), ident);
        assert!(get_hub().minimal_ident() > 0);
        joinall([&g, &other])?;
        Ok(())
    }

    #[test]
    fn test_basic() {
        let greenlets = [Greenlet::new(|| ()), Greenlet::new(|| ())];
        for (ident, g) in greenlets.iter().enumerate() {
            assert_eq!(g.minimal_ident(), ident);
            assert_eq!(g.minimal_ident(), ident);
        }
        let [first, second] = greenlets;
        // The number of a greenlet that is gone is used again.
        drop(first);
        let third = Greenlet::new(|| ());
        assert_eq!(second.minimal_ident(), 1);
        assert_eq!(third.minimal_ident(), 0);
    }

    #[test]
    fn test_circle() {
        const KEEP: usize = 3;
        let mut kept: [Option<Greenlet<()>>; KEEP] = [const { None }; KEEP];
        for i in 0..1000 {
            let g = Greenlet::new(|| ());
            // The old greenlet is dropped first.
            kept[i % KEEP] = None;
            assert!(g.minimal_ident() < KEEP);
            kept[i % KEEP] = Some(g);
        }
    }
}

/// gevent's TestStr.
mod debug {
    use super::*;

    #[test]
    fn test_function() -> TestResult {
        let _bounded = bounded();
        let g = spawn(|| ());
        let ending = format!(": spawned at {}:{}:17>", file!(), line!() - 1);
        let before = format!("{g:?}");
        assert!(before.ends_with(&ending), "{before}");
        assert!(!g.ready());
        g.join()?;
        assert!(g.ready());
        assert_eq!(format!("{g:?}"), before);
        assert_eq!(format!("{:?}", g.any()), before);
        Ok(())
    }

    #[test]
    fn test_method() {
        let g = Greenlet::new(|| ());
        assert!(format!("{g:?}").starts_with("<Greenlet at 0x"));
        // It gets a number when it is asked for its name.
        assert_eq!(&*g.name(), "Greenlet-0");
        assert!(format!("{g:?}").starts_with("<Greenlet \"Greenlet-0\" at 0x"));
        g.set_name("Foo");
        assert!(format!("{g:?}").starts_with("<Greenlet \"Foo\" at 0x"));
    }
}

/// gevent's TestContextManager, by `Greenlet::with` and [`gevent::scope`], which has tests of its own.
mod context_manager {
    use super::*;

    #[test]
    fn test_simple() -> TestResult {
        let _bounded = bounded();
        let g = spawn(|| sleep(0.001)).with(|g| {
            assert!(g.started() && !g.dead());
            Ok(g.clone())
        })?;
        assert_eq!(states(&g), [false, true, true, true]);
        Ok(())
    }

    #[test]
    fn test_wait_in_suite() -> TestResult {
        let _bounded = bounded();
        Reports::new();
        spawn(|| fail::<()>("raised")).with(|g| {
            assert!(g.get().unwrap_err().is::<ExpectedError>());
            assert_eq!(states(g), [false, true, true, false]);
            Ok(())
        })
    }

    /// An error of the greenlet does not end the function.
    #[test]
    fn test_greenlet_raises() -> TestResult {
        let _bounded = bounded();
        Reports::new();
        let g = spawn(|| fail::<()>("raised"));
        g.with(|_| Ok(()))?;
        assert_eq!(states(&g), [false, true, true, false]);
        assert!(g.get().unwrap_err().is::<ExpectedError>());
        Ok(())
    }

    /// In gevent's test it is an overridden `join` that raises; here the join is interrupted.
    #[test]
    fn test_join_raises() -> TestResult {
        let _bounded = bounded();
        let g = spawn(|| sleep(LONG));
        let joining = g.clone();
        let suite = spawn(move || joining.with(|_| Ok(())));
        sleep(0)?;
        assert!(g.started() && g.linkcount() == 1);
        suite.kill()?;
        assert!(suite.get().unwrap_err().is::<GreenletExit>());
        g.join()?;
        assert_eq!(states(&g), [false, true, true, true]);
        Ok(())
    }

    fn suite_body_raises(delay: Option<f64>) {
        let _bounded = bounded();
        Reports::new();
        let error = Exception::new(ExpectedError("of the suite"));
        let g = spawn(|| sleep(LONG));
        let outcome: TestResult = g.with(|_| {
            delay.map_or(Ok(()), sleep)?;
            Err(error.clone())
        });
        assert!(outcome.unwrap_err().same(&error));
        assert_eq!(states(&g), [false, true, true, false]);
        assert!(g.get().unwrap_err().same(&error));
    }

    #[test]
    fn test_suite_body_raises() {
        suite_body_raises(None);
    }

    #[test]
    fn test_suite_body_raises_with_delay() {
        suite_body_raises(Some(0.001));
    }

    #[test]
    fn a_suite_that_panics_kills_the_greenlet() -> TestResult {
        let _bounded = bounded();
        let g = spawn(|| sleep(LONG));
        let suite = || g.with(|_| -> TestResult { panic!("of the suite") });
        assert!(catch_unwind(AssertUnwindSafe(suite)).is_err());
        g.join()?;
        assert_eq!(states(&g), [false, true, true, true]);
        Ok(())
    }
}

/// gevent's TestStart.
#[test]
fn test_start() -> TestResult {
    let _bounded = bounded();
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    let g = spawn(move || {
        counted.set(counted.get() + 1);
        sleep(0.001)
    });
    assert!(g.started());
    g.start()?;
    g.start_later(0.0)?;
    assert!(g.started() && !g.ready());
    g.join()?;
    assert_eq!(states(&g), [false, true, true, true]);
    // A greenlet cannot be started again.
    g.start()?;
    g.start_later(0.0)?;
    assert_eq!(states(&g), [false, true, true, true]);
    assert!(get_hub().join()?);
    assert_eq!(count.get(), 1);
    Ok(())
}

/// gevent's TestRef.test_init: after a greenlet is made, nothing else refers to it.
#[test]
fn test_init() {
    let guest = Rc::new(());
    let held = guest.clone();
    let g = Greenlet::new(move || drop(held));
    let raw = g.raw().downgrade();
    drop(g);
    assert!(raw.upgrade().is_none());
    assert_eq!(Rc::strong_count(&guest), 1);
}

/// gevent's TestDeadPropertyDuringSwitch: the greenlet that is being switched to is not dead.
#[test]
fn test_dead_is_false_for_current_greenlet_during_switch() -> TestResult {
    let _bounded = bounded();
    let g = spawn(|| 42);
    let seen = Log::<(bool, bool)>::new();
    let (log, traced) = (seen.clone(), g.clone());
    let old = settrace(Some(Tracer::new(move |_, _, target| {
        if target == traced.raw() {
            log.add((traced.dead(), traced.ready()));
        }
        Ok(())
    })));
    g.join()?;
    settrace(old);
    assert_eq!(seen.take(), [(false, false)]);
    Ok(())
}

/// A greenlet runs only once if it is switched to by hand before its turn.
#[test]
fn test_switching_to_a_scheduled_greenlet_uses_its_start_up() -> TestResult {
    let _bounded = bounded();
    let count = Rc::new(Cell::new(0));
    let counted = count.clone();
    let g = Greenlet::new(move || {
        counted.set(counted.get() + 1);
        sleep(0.001)
    });
    let raw = g.raw().clone();
    get_hub()
        .loop_()
        .run_callback(move || raw.switch(Value::None).map(drop))?;
    g.start()?;
    g.get()?;
    assert_eq!(count.get(), 1);
    Ok(())
}
