//! Tests that no greenlet that borrows outlives its scope.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use gevent::exceptions::{BlockingSwitchOutError, HubDestroyed, LoopExit};
use gevent::{Exception, GreenletExit, Timeout, get_hub, mask_kill, scope, sleep, spawn};
use hub::ExceptionStream;

use crate::support::fail;

type TestResult = Result<(), Exception>;

#[derive(Debug, thiserror::Error)]
#[error("expected")]
struct ExpectedError;

/// Counts down when it is dropped.
struct Guest<'a>(&'a Cell<usize>);

impl<'a> Guest<'a> {
    fn new(guests: &'a Cell<usize>) -> Self {
        guests.set(guests.get() + 1);
        Guest(guests)
    }
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[test]
fn test_greenlets_borrow_and_are_joined() -> TestResult {
    let words = [String::from("a"), String::from("b")];
    let seen = RefCell::new(Vec::new());
    let length = scope(|s| {
        for (i, word) in words.iter().enumerate() {
            let seen = &seen;
            s.spawn(move || {
                // The first greenlet waits until the second has pushed its word.
                while seen.borrow().len() + i == 0 {
                    sleep(0.001)?;
                }
                seen.borrow_mut().push(word.as_str());
                Ok(())
            });
        }
        let length = s.spawn(|| words.len());
        length.get()
    })?;
    assert_eq!((length, seen.take()), (2, vec!["b", "a"]));
    Ok(())
}

#[test]
fn test_the_first_failure_cancels_the_rest() -> TestResult {
    get_hub().set_exception_stream(ExceptionStream::Discard);
    let guests = Cell::new(0);
    let error = scope(|s| {
        for _ in 0..3 {
            s.spawn(|| {
                let _guest = Guest::new(&guests);
                sleep(100)
            });
        }
        s.spawn(|| -> TestResult {
            sleep(0.001)?;
            Err(ExpectedError.into())
        });
        let cancelled = sleep(100).unwrap_err();
        assert!(cancelled.is::<gevent::ScopeCancelled>());
        assert_eq!(guests.get(), 3);
        Err::<(), _>(cancelled)
    });
    assert!(error.unwrap_err().is::<ExpectedError>());
    assert_eq!(guests.get(), 0);
    Ok(())
}

#[test]
fn test_the_functions_own_error_ends_the_greenlets() {
    let guests = Cell::new(0);
    let error = scope(|s| {
        s.spawn(|| {
            let _guest = Guest::new(&guests);
            sleep(100)
        });
        sleep(0)?;
        assert_eq!(guests.get(), 1);
        Err::<(), _>(ExpectedError.into())
    });
    assert!(error.unwrap_err().is::<ExpectedError>());
    assert_eq!(guests.get(), 0);
}

#[test]
fn test_a_panic_ends_the_greenlets_and_goes_on() {
    let guests = Cell::new(0);
    let payload = catch_unwind(AssertUnwindSafe(|| {
        scope(|s| -> TestResult {
            s.spawn(|| {
                let _guest = Guest::new(&guests);
                // This greenlet needs time to end.
                let killed = sleep(100);
                sleep(0.001).and(killed)
            });
            sleep(0)?;
            panic!("on purpose")
        })
    }));
    assert_eq!(*payload.unwrap_err().downcast::<&str>().unwrap(), "on purpose");
    assert_eq!(guests.get(), 0);
}

#[test]
fn test_a_killed_caller_takes_its_greenlets_along() -> TestResult {
    let caller = spawn(|| {
        let guests = Cell::new(0);
        let result = scope(|s| {
            s.spawn(|| {
                let _guest = Guest::new(&guests);
                sleep(100)
            });
            Ok(())
        });
        assert_eq!(guests.get(), 0);
        result
    });
    sleep(0)?;
    sleep(0)?;
    caller.kill()?;
    assert!(caller.get().unwrap_err().is::<GreenletExit>());
    Ok(())
}

/// The error of the function is lost then: a greenlet that is killed ends with the kill.
#[test]
fn test_a_kill_comes_before_the_failure_that_a_scope_was_to_report() -> TestResult {
    let caller = spawn(|| {
        scope(|s| {
            s.spawn(|| {
                mask_kill(|| sleep(0.02))?;
                Ok(())
            });
            sleep(0)?;
            fail::<()>("before the kill")
        })
    });
    sleep(0)?;
    sleep(0.001)?;
    caller.kill()?;
    assert!(caller.successful());
    Ok(())
}

#[test]
fn test_a_timeout_of_the_caller_takes_its_greenlets_along() -> TestResult {
    let guests = Cell::new(0);
    let timeout = Timeout::start_new(0.001);
    let error = scope(|s| {
        s.spawn(|| {
            let _guest = Guest::new(&guests);
            sleep(100)
        });
        Ok(())
    });
    assert!(timeout.caused(&error.unwrap_err()));
    assert_eq!(guests.get(), 0);
    Ok(())
}

#[test]
fn test_a_dropped_caller_takes_its_greenlets_along() -> TestResult {
    thread_local! {
        static GUESTS: Cell<usize> = const { Cell::new(0) };
    }
    let main = gevent::getcurrent();
    let caller = gevent::RawGreenlet::new(move |_| {
        let lent = String::from("lent");
        scope(|s| {
            s.spawn(|| {
                GUESTS.with(|guests| {
                    let _guest = Guest::new(guests);
                    sleep(100)?;
                    assert_eq!(lent, "lent");
                    Ok(())
                })
            });
            sleep(0)?;
            // The greenlet is parked where it is not resumed.
            main.switch(())
        })
    });
    // The hub ends the caller's sleep. The caller then switches to main, which goes on here.
    caller.switch(())?;
    assert_eq!(GUESTS.get(), 1);
    drop(caller);
    // The hub is parked where it has woken the caller, and drops its handle when it runs again.
    sleep(0)?;
    assert_eq!(GUESTS.get(), 0);
    Ok(())
}

#[test]
fn test_greenlets_that_never_ran_are_dropped_unrun() {
    let (guests, ran) = (Cell::new(0), Cell::new(false));
    let guest = Guest::new(&guests);
    let error = scope(|s| {
        s.spawn(|| {
            ran.set(true);
            drop(guest);
        });
        Err::<(), _>(ExpectedError.into())
    });
    assert!(error.is_err() && !ran.get());
    assert_eq!(guests.get(), 0);
}

#[test]
fn test_scopes_nest_and_their_greenlets_spawn_more() -> TestResult {
    let count = Cell::new(0);
    scope(|s| {
        s.spawn(|| {
            s.spawn(|| {
                sleep(0.001)?;
                count.set(count.get() + 1);
                Ok(())
            });
            scope(|inner| {
                inner.spawn(|| count.set(count.get() + 10));
                Ok(())
            })?;
            count.set(count.get() + 100);
            Ok(())
        });
        Ok(())
    })?;
    assert_eq!(count.get(), 111);
    Ok(())
}

/// A scope may go on for ever, as that of a server.
#[test]
fn test_a_scope_keeps_no_greenlets_that_have_ended() -> TestResult {
    scope(|s| {
        let weak: Vec<_> = (0..10).map(|_| s.spawn(|| ()).raw().downgrade()).collect();
        let waits = s.spawn(|| sleep(100));
        sleep(0)?;
        sleep(0)?;
        assert!(weak.iter().all(|weak| weak.upgrade().is_none()));
        waits.kill()
    })
}

/// Waits in its destructor, and then uses the borrowed cell.
struct SlowToGo<'a>(&'a Cell<usize>);

impl Drop for SlowToGo<'_> {
    fn drop(&mut self) {
        for _ in 0..20 {
            let _ = sleep(0);
        }
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn test_what_a_killed_greenlet_owns_is_dropped_before_the_scope_ends() -> TestResult {
    // A victim that is killed before it runs is dead at once; its values are dropped later, in the killer.
    let victim: Rc<RefCell<Option<gevent::Greenlet<()>>>> = Rc::default();
    let killer = spawn({
        let victim = victim.clone();
        move || {
            let victim = victim.take().expect("it is there by now");
            victim.kill()
        }
    });
    let gone = Cell::new(0);
    scope(|s| {
        let slow = SlowToGo(&gone);
        let spawned = s.spawn(move || drop(slow));
        victim.replace(Some((*spawned).clone()));
        Ok(())
    })?;
    assert_eq!(gone.get(), 1);
    killer.get()
}

/// A scope that cannot end must not check again and again, a thousand times a second.
#[test]
fn test_a_scope_does_not_poll_while_a_destructor_waits_elsewhere() -> TestResult {
    struct Waits<'a>(&'a Cell<bool>);

    impl Drop for Waits<'_> {
        fn drop(&mut self) {
            let _ = sleep(0.1);
            self.0.set(true);
        }
    }

    let victim: Rc<RefCell<Option<gevent::Greenlet<()>>>> = Rc::default();
    let its = victim.clone();
    let killer = spawn(move || its.take().expect("it is there by now").kill());
    let (gone, before) = (Cell::new(false), get_hub().loop_().iteration()?);
    scope(|s| {
        let waits = Waits(&gone);
        victim.replace(Some((*s.spawn(move || drop(waits))).clone()));
        Ok(())
    })?;
    assert!(gone.get());
    let iterations = get_hub().loop_().iteration()? - before;
    assert!(iterations < 20, "{iterations}");
    killer.get()
}

/// LoopExit must come, so the scope may not keep the loop busy while it waits.
#[test]
fn test_a_destructor_that_waits_elsewhere_for_ever_is_unwound() {
    struct WaitsForEver<'a>(&'a Cell<usize>);

    impl Drop for WaitsForEver<'_> {
        fn drop(&mut self) {
            let _guest = Guest::new(self.0);
            let _ = get_hub().switch();
        }
    }

    let victim: Rc<RefCell<Option<gevent::Greenlet<()>>>> = Rc::default();
    let its = victim.clone();
    let killer = spawn(move || its.take().expect("it is there by now").kill());
    let guests = Cell::new(0);
    let error = scope(|s| {
        let waits = WaitsForEver(&guests);
        victim.replace(Some((*s.spawn(move || drop(waits))).clone()));
        sleep(0.001)?;
        assert_eq!(guests.get(), 1);
        Ok(())
    });
    assert!(error.unwrap_err().is::<LoopExit>());
    assert_eq!(guests.get(), 0);
    assert!(killer.ready());
}

/// A greenlet's error counts also if the link by which the scope learns of it was taken away.
#[test]
fn test_a_failure_whose_link_is_gone() {
    get_hub().set_exception_stream(ExceptionStream::Discard);
    let error = scope(|s| {
        let fails = s.spawn(|| -> TestResult { Err(ExpectedError.into()) });
        fails.unlink_all();
        Ok(())
    });
    assert!(error.unwrap_err().is::<ExpectedError>());
}

#[test]
fn test_one_that_ignores_its_kill_and_waits_for_ever_is_unwound() {
    // The scope is in the main greenlet, into which LoopExit is thrown.
    let guests = Cell::new(0);
    let error = scope(|s| -> TestResult {
        s.spawn(|| -> TestResult {
            let _guest = Guest::new(&guests);
            loop {
                let _ = get_hub().switch();
            }
        });
        Ok(())
    });
    assert!(error.unwrap_err().is::<LoopExit>());
    assert_eq!(guests.get(), 0);
}

#[test]
fn test_in_the_hub_nobody_can_be_waited_for() -> TestResult {
    let (ran, result) = (Rc::new(Cell::new(false)), Rc::new(RefCell::new(None)));
    let (runs, results) = (ran.clone(), result.clone());
    get_hub().loop_().run_callback(move || {
        let guests = Cell::new(0);
        let guest = Guest::new(&guests);
        let error = scope(|s| {
            s.spawn(|| {
                drop(guest);
                runs.set(true);
            });
            Ok(())
        });
        assert_eq!(guests.get(), 0);
        results.replace(error.err());
    })?;
    sleep(0)?;
    let error = result.take().expect("the callback has run");
    assert!(error.is::<BlockingSwitchOutError>() && !ran.get());
    Ok(())
}

#[test]
fn test_a_caller_that_is_not_allowed_to_wait() -> TestResult {
    let allowed = Rc::new(Cell::new(true));
    let asks = allowed.clone();
    let caller = gevent::Greenlet::builder()
        .switch_out(move || match asks.get() {
            true => Ok(()),
            false => Err(ExpectedError.into()),
        })
        .spawn(move || {
            let guests = Cell::new(0);
            let error = scope(|s| {
                s.spawn(|| {
                    let _guest = Guest::new(&guests);
                    sleep(100)
                });
                sleep(0)?;
                allowed.set(false);
                Ok(())
            });
            assert_eq!(guests.get(), 0);
            assert!(error.unwrap_err().is::<ExpectedError>());
        });
    caller.get()
}

#[test]
fn test_a_thread_that_ends_ends_the_greenlets_first() {
    /// Reads the borrowed text when it is dropped.
    struct Last<'a>(&'a String, &'a std::sync::Mutex<Vec<String>>);

    impl Drop for Last<'_> {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0.clone());
        }
    }

    static LAST: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    gevent::run_in_thread(|| {
        spawn(|| {
            let outer = String::from("outer");
            let _last = Last(&outer, &LAST);
            scope(|s| {
                s.spawn(|| {
                    let inner = format!("inner of {outer}");
                    let _last = Last(&inner, &LAST);
                    scope(|s| {
                        s.spawn(|| {
                            let _last = Last(&inner, &LAST);
                            sleep(100)
                        });
                        sleep(100)
                    })
                });
                Ok(())
            })
        });
        sleep(0).and_then(|()| sleep(0)).and_then(|()| sleep(0))
    })
    .unwrap()
    .join()
    .unwrap()
    .unwrap();
    let last = LAST.lock().unwrap();
    assert_eq!(*last, ["inner of outer", "inner of outer", "outer"]);
}

#[test]
fn test_a_hub_that_is_destroyed_ends_the_greenlets_on_the_spot() {
    std::thread::spawn(|| -> TestResult {
        let guests = Cell::new(0);
        let error = scope(|s| {
            s.spawn(|| {
                let _guest = Guest::new(&guests);
                sleep(100)
            });
            sleep(0)?;
            assert_eq!(guests.get(), 1);
            get_hub().destroy(true)
        });
        assert_eq!(guests.get(), 0);
        assert!(error.unwrap_err().is::<HubDestroyed>());
        Ok(())
    })
    .join()
    .unwrap()
    .unwrap();
}

#[test]
fn test_unwinding_that_the_function_swallows_goes_on() -> TestResult {
    thread_local! {
        static ENDED: Cell<usize> = const { Cell::new(0) };
    }
    let main = gevent::getcurrent();
    let caller = gevent::RawGreenlet::new(move |_| {
        let guests = Cell::new(0);
        let _at_last = Guest(&guests);
        scope(|s| {
            s.spawn(|| {
                let _guest = Guest::new(&guests);
                let killed = sleep(100);
                ENDED.set(ENDED.get() + 1);
                killed
            });
            sleep(0)?;
            guests.set(guests.get() + 1);
            let caught = catch_unwind(AssertUnwindSafe(|| main.switch(())));
            assert!(caught.is_err());
            drop(caught);
            // The function returns normally. Then the scope wants to join, and is unwound there.
            Ok(())
        })
        .map(|()| gevent::Value::None)
    });
    caller.switch(())?;
    drop(caller);
    sleep(0)?;
    // The greenlet was unwound, not killed.
    assert_eq!(ENDED.get(), 0);
    Ok(())
}
