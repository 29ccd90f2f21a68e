//! The counterpart of gevent's test__semaphore and of the semaphore part of its lock_tests,
//! written anew. The tests with several threads are in threadsafe.rs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{Log, TestResult, bounded, outer_timeout_is_not_lost, returns_after_timeout};
use gevent::exceptions::{LoopExit, OverReleaseError};
use gevent::lock::{BoundedSemaphore, DummySemaphore, Semaphore};
use gevent::{Exception, Greenlet, Kill, Linkable, idle, joinall, sleep, spawn, wait};

mod semaphore_tests {
    use super::*;

    /// gevent issue 39
    #[test]
    fn test_acquire_returns_false_after_timeout() -> TestResult {
        returns_after_timeout(|seconds| {
            let semaphore = Semaphore::new(0);
            assert!(!semaphore.acquire_timeout(seconds)?);
            assert_eq!((semaphore.counter(), semaphore.linkcount()), (0, 0));
            Ok(())
        })
    }

    #[test]
    fn test_outer_timeout_is_not_lost() {
        outer_timeout_is_not_lost(|seconds| Semaphore::new(0).acquire_timeout(seconds).map(drop));
        outer_timeout_is_not_lost(|seconds| Semaphore::new(0).wait_timeout(seconds).map(drop));
    }

    #[test]
    fn test_release_twice() -> TestResult {
        let log = Log::<&str>::new();
        let logs = |name: &'static str| {
            let log = log.clone();
            move |_: &Semaphore| log.add(name)
        };
        let semaphore = Semaphore::default();
        semaphore.rawlink(logs("a"));
        semaphore.release();
        semaphore.rawlink(logs("b"));
        semaphore.release();
        sleep(0.001)?;
        assert_eq!(log.take(), ["a", "b"]);
        Ok(())
    }

    /// gevent's test_semaphore_weakref: a link does not keep its semaphore alive.
    #[test]
    fn test_semaphore_weakref() {
        let inside = Rc::new(());
        let weak = Rc::downgrade(&inside);
        let semaphore = Semaphore::new(0);
        semaphore.rawlink(move |_| {
            let _ = &inside;
        });
        drop(semaphore);
        assert!(weak.upgrade().is_none());
    }

    /// gevent issue 704
    #[test]
    fn test_semaphore_in_class_with_del() {
        struct X(Semaphore);
        impl Drop for X {
            fn drop(&mut self) {
                self.0.acquire().expect("is free");
            }
        }
        drop(X(Semaphore::default()));
    }

    /// gevent issue 1287
    #[test]
    fn test_rawlink_on_unacquired_runs_notifiers() -> TestResult {
        let semaphore = Semaphore::default();
        assert_eq!(wait([semaphore.clone()])?, [semaphore]);
        Ok(())
    }

    #[test]
    fn test_wait_acquires_nothing() -> TestResult {
        let semaphore = Semaphore::new(0);
        let waiter = spawn({
            let semaphore = semaphore.clone();
            move || semaphore.wait()
        });
        sleep(0)?;
        semaphore.release();
        assert_eq!((waiter.get()?, semaphore.counter()), (1, 1));
        assert_eq!(semaphore.wait()?, 1);
        semaphore.acquire()?;
        assert_eq!(semaphore.wait_timeout(0.001)?, 0);
        Ok(())
    }

    /// Waiters keep their places if another greenlet takes the released permit.
    #[test]
    fn test_who_is_overtaken_keeps_its_place() -> TestResult {
        let log = Log::<i32>::new();
        let semaphore = Semaphore::new(0);
        let greenlets: Vec<_> = (0..3)
            .map(|i| {
                let (semaphore, log) = (semaphore.clone(), log.clone());
                spawn(move || {
                    semaphore.acquire()?;
                    log.add(i);
                    Ok(())
                })
            })
            .collect();
        sleep(0)?;
        semaphore.release();
        assert!(semaphore.try_acquire());
        sleep(0)?;
        assert!(log.is_empty());
        for _ in 0..3 {
            semaphore.release();
        }
        joinall(&greenlets)?;
        assert_eq!(log.take(), [0, 1, 2]);
        assert_eq!((semaphore.counter(), semaphore.linkcount()), (0, 0));
        Ok(())
    }

    /// A greenlet that is woken for a permit gets it when it runs. If it is killed before, the permit stays.
    #[test]
    fn test_a_waiter_killed_after_the_release_loses_no_permit() -> TestResult {
        let _bounded = bounded();
        let semaphore = Semaphore::new(0);
        let acquire = || {
            let semaphore = semaphore.clone();
            spawn(move || semaphore.acquire())
        };
        let (first, second) = (acquire(), acquire());
        sleep(0)?;
        let kill = Kill::default().nonblocking();
        first.kill_with(kill)?;
        semaphore.release();
        second.get()?;
        assert!(first.value().is_none());
        Ok(())
    }

    #[test]
    fn test_guards() -> TestResult {
        let semaphore = Semaphore::new(2);
        let one = semaphore.acquire_guard()?;
        let two = semaphore.try_acquire_guard().expect("is free");
        assert!(semaphore.try_acquire_guard().is_none());
        assert!(semaphore.acquire_guard_timeout(0.001)?.is_none());
        drop(one);
        let again = semaphore.acquire_guard_timeout(0.001)?;
        assert!(again.is_some() && semaphore.locked());
        two.forget();
        drop(again);
        assert_eq!(semaphore.counter(), 1);
        Ok(())
    }

    #[test]
    fn test_a_guard_releases_when_its_greenlet_is_killed_or_forgotten() -> TestResult {
        let semaphore = Semaphore::new(1);
        let hold = || {
            let semaphore = semaphore.clone();
            spawn(move || {
                let _guard = semaphore.acquire_guard()?;
                sleep(crate::support::LONG)
            })
        };
        let killed = hold();
        sleep(0)?;
        assert!(semaphore.locked());
        killed.kill()?;
        assert_eq!(semaphore.counter(), 1);
        let failed = spawn({
            let semaphore = semaphore.clone();
            move || -> TestResult {
                let _guard = semaphore.acquire_guard()?;
                crate::support::fail("on purpose")
            }
        });
        gevent::get_hub().set_exception_stream(hub::ExceptionStream::Discard);
        assert!(failed.get().is_err());
        assert_eq!(semaphore.counter(), 1);
        Ok(())
    }

    #[test]
    fn test_debug() {
        let shown = format!("{:?}", Semaphore::new(3));
        assert!(shown.starts_with("<Semaphore at 0x") && shown.ends_with("counter=3 _links[0]>"));
        let shown = format!("{:?}", BoundedSemaphore::new(3));
        assert!(shown.starts_with("<BoundedSemaphore at 0x"), "{shown}");
    }

    #[test]
    #[should_panic(expected = "cannot be released so often")]
    fn test_release_without_end() {
        Semaphore::new(usize::MAX).release();
    }
}

/// gevent's TestSemaphoreFair, its issue 1487: with a lock that is not fair, two greenlets take it in turns, and the
/// third never gets it.
mod semaphore_fair {
    use super::*;

    fn acquire_then_spawn(semaphore: &Semaphore, should_quit: &Rc<Cell<bool>>) -> TestResult {
        if should_quit.get() {
            return Ok(());
        }
        semaphore.acquire()?;
        let (semaphore, should_quit) = (semaphore.clone(), should_quit.clone());
        spawn(move || release_then_spawn(&semaphore, &should_quit)).join()
    }

    fn release_then_spawn(semaphore: &Semaphore, should_quit: &Rc<Cell<bool>>) -> TestResult {
        semaphore.release();
        if should_quit.get() {
            return Ok(());
        }
        let (semaphore, should_quit) = (semaphore.clone(), should_quit.clone());
        spawn(move || acquire_then_spawn(&semaphore, &should_quit)).join()
    }

    #[test]
    fn test_fair_or_hangs() -> TestResult {
        let _bounded = bounded();
        let semaphore = Semaphore::default();
        let should_quit = Rc::new(Cell::new(false));
        let keep_going = || -> Greenlet<()> {
            let (semaphore, should_quit) = (semaphore.clone(), should_quit.clone());
            spawn(move || acquire_then_spawn(&semaphore, &should_quit))
        };
        let (first, second) = (keep_going(), keep_going());
        let exiting = spawn({
            let (semaphore, should_quit) = (semaphore.clone(), should_quit.clone());
            move || {
                semaphore.acquire()?;
                should_quit.set(true);
                Ok(())
            }
        });
        let error = joinall([&first, &second, &exiting]).unwrap_err();
        let error = error.downcast_ref::<LoopExit>().expect("a LoopExit");
        assert!(error.to_string().contains("for Semaphore at 0x"), "{error}");
        assert!(exiting.dead() && second.dead() && !first.dead());
        semaphore.release();
        first.kill()?;
        idle(0)
    }
}

/// lock_tests.BaseSemaphoreTests, for both kinds
macro_rules! base_semaphore_tests {
    ($module:ident, $semaphore:ident) => {
        mod $module {
            use super::*;

            #[test]
            fn test_acquire() -> TestResult {
                let semaphore = $semaphore::new(1);
                semaphore.acquire()?;
                let _ = semaphore.release();
                let semaphore = $semaphore::new(2);
                semaphore.acquire()?;
                semaphore.acquire()?;
                let _ = semaphore.release();
                let _ = semaphore.release();
                assert_eq!(semaphore.counter(), 2);
                Ok(())
            }

            #[test]
            fn test_acquire_destroy() -> TestResult {
                let semaphore = $semaphore::default();
                semaphore.acquire()?;
                drop(semaphore);
                Ok(())
            }

            #[test]
            fn test_acquire_contended() -> TestResult {
                let _bounded = bounded();
                let semaphore = $semaphore::new(7);
                semaphore.acquire()?;
                let phase = Rc::new(Cell::new(0));
                let log = Log::<i32>::new();
                let greenlets: Vec<_> = (0..10)
                    .map(|_| {
                        let (semaphore, log) = (semaphore.clone(), log.clone());
                        let phase = phase.clone();
                        spawn(move || {
                            for _ in 0..2 {
                                semaphore.acquire()?;
                                log.add(phase.get());
                            }
                            Ok(())
                        })
                    })
                    .collect();
                let mut expected = vec![0; 6];
                sleep(0)?;
                sleep(0)?;
                for (number, releases) in [(1, 7), (2, 6)] {
                    phase.set(number);
                    for _ in 0..releases {
                        let _ = semaphore.release();
                    }
                    expected.extend(vec![number; releases]);
                    sleep(0)?;
                    sleep(0)?;
                }
                assert_eq!(log.take(), expected);
                assert!(!semaphore.try_acquire());
                let _ = semaphore.release();
                joinall(&greenlets)?;
                assert_eq!(semaphore.linkcount(), 0);
                Ok(())
            }

            #[test]
            fn test_try_acquire() {
                let semaphore = $semaphore::new(2);
                assert!(semaphore.try_acquire());
                assert!(semaphore.try_acquire());
                assert!(!semaphore.try_acquire());
                let _ = semaphore.release();
                assert!(semaphore.try_acquire());
            }

            #[test]
            fn test_try_acquire_contended() -> TestResult {
                let semaphore = $semaphore::new(4);
                semaphore.acquire()?;
                let results = Rc::new(RefCell::new(Vec::new()));
                let greenlets: Vec<_> = (0..5)
                    .map(|_| {
                        let (semaphore, results) = (semaphore.clone(), results.clone());
                        spawn(move || {
                            results.borrow_mut().push(semaphore.try_acquire());
                            results.borrow_mut().push(semaphore.try_acquire());
                        })
                    })
                    .collect();
                joinall(&greenlets)?;
                let acquired = results.borrow().iter().filter(|&&acquired| acquired).count();
                assert_eq!((acquired, results.borrow().len()), (3, 10));
                Ok(())
            }

            #[test]
            fn test_default_value() -> TestResult {
                let semaphore = $semaphore::default();
                semaphore.acquire()?;
                let greenlet = spawn({
                    let semaphore = semaphore.clone();
                    move || {
                        semaphore.acquire()?;
                        let _ = semaphore.release();
                        Ok(())
                    }
                });
                sleep(0)?;
                assert!(!greenlet.ready());
                let _ = semaphore.release();
                greenlet.get()
            }

            #[test]
            fn test_with() -> TestResult {
                let semaphore = $semaphore::new(2);
                let with = |fails: bool| -> TestResult {
                    let _outer = semaphore.acquire_guard()?;
                    assert!(semaphore.try_acquire());
                    let _ = semaphore.release();
                    let _inner = semaphore.acquire_guard()?;
                    assert!(!semaphore.try_acquire());
                    if fails {
                        crate::support::fail("inside")
                    } else {
                        Ok(())
                    }
                };
                with(false)?;
                assert_eq!(semaphore.counter(), 2);
                assert!(with(true).is_err());
                assert_eq!(semaphore.counter(), 2);
                Ok(())
            }
        }
    };
}

base_semaphore_tests!(semaphore_lock_tests, Semaphore);
base_semaphore_tests!(bounded_semaphore_lock_tests, BoundedSemaphore);

/// lock_tests.SemaphoreTests
#[test]
fn test_release_unacquired() -> TestResult {
    let semaphore = Semaphore::new(1);
    assert_eq!(semaphore.release(), 2);
    semaphore.acquire()?;
    semaphore.acquire()?;
    semaphore.release();
    Ok(())
}

/// lock_tests.BoundedSemaphoreTests
#[test]
fn test_bounded_release_unacquired() -> TestResult {
    let semaphore = BoundedSemaphore::default();
    assert_eq!(semaphore.release(), Err(OverReleaseError));
    semaphore.acquire()?;
    assert_eq!(semaphore.release(), Ok(1));
    assert_eq!(semaphore.release(), Err(OverReleaseError));
    Ok(())
}

#[test]
fn test_dummy_semaphore() -> TestResult {
    let semaphore = DummySemaphore::new();
    for _ in 0..3 {
        semaphore.acquire()?;
        assert!(semaphore.acquire_timeout(0)? && semaphore.try_acquire());
    }
    semaphore.release();
    assert!(!semaphore.locked() && semaphore.ready() && Linkable::ready(&semaphore));
    assert_eq!(semaphore.wait()?, 1);
    assert_eq!(format!("{semaphore:?}"), "DummySemaphore");
    Ok(())
}

/// A semaphore that was acquired in the hub cannot be waited for there.
#[test]
fn test_acquire_in_the_hub() -> TestResult {
    let semaphore = Semaphore::new(0);
    let caught = Rc::new(RefCell::new(None::<Exception>));
    gevent::get_hub().loop_().run_callback({
        let (semaphore, caught) = (semaphore.clone(), caught.clone());
        move || {
            *caught.borrow_mut() = semaphore.acquire().err();
        }
    })?;
    sleep(0)?;
    let caught = caught.take().expect("an error");
    assert!(caught.is::<gevent::exceptions::BlockingSwitchOutError>());
    assert_eq!(semaphore.linkcount(), 0);
    Ok(())
}
