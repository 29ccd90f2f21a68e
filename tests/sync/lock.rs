//! The counterpart of gevent's test__lock, and of the lock, condition and barrier parts of its
//! lock_tests, written anew.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{Log, TestResult, bounded, outer_timeout_is_not_lost};
use gevent::exceptions::{BrokenBarrierError, NotOwnedError};
use gevent::lock::{Barrier, Condition, RLock, Semaphore};
use gevent::{Exception, Greenlet, Kill, joinall, sleep, spawn};

/// A number of greenlets that run the same function.
fn bunch<T: 'static>(n: usize, function: impl Fn() -> Result<T, Exception> + 'static) -> Vec<Greenlet<T>> {
    let function = Rc::new(function);
    (0..n)
        .map(|_| {
            let function = function.clone();
            spawn(move || function())
        })
        .collect()
}

fn finish<T: Clone + 'static>(greenlets: &[Greenlet<T>]) -> Result<Vec<T>, Exception> {
    greenlets.iter().map(Greenlet::get).collect()
}

/// A kill that comes soon.
fn soon() -> Kill {
    Kill::default().nonblocking()
}

/// lock_tests.BaseLockTests, for gevent's Lock, a semaphore, and RLock
macro_rules! base_lock_tests {
    ($module:ident, $new:expr) => {
        mod $module {
            use super::*;

            #[test]
            fn test_constructor() {
                drop($new);
            }

            #[test]
            fn test_acquire_destroy() -> TestResult {
                let lock = $new;
                lock.acquire()?;
                drop(lock);
                Ok(())
            }

            #[test]
            fn test_acquire_release() -> TestResult {
                let lock = $new;
                lock.acquire()?;
                let _ = lock.release();
                assert!(!lock.locked());
                Ok(())
            }

            #[test]
            fn test_try_acquire() {
                let lock = $new;
                assert!(lock.try_acquire());
                let _ = lock.release();
            }

            #[test]
            fn test_try_acquire_contended() -> TestResult {
                let lock = $new;
                lock.acquire()?;
                let tries = bunch(1, {
                    let lock = lock.clone();
                    move || Ok(lock.try_acquire())
                });
                assert_eq!(finish(&tries)?, [false]);
                let _ = lock.release();
                Ok(())
            }

            #[test]
            fn test_acquire_contended() -> TestResult {
                let lock = $new;
                lock.acquire()?;
                let greenlets = bunch(5, {
                    let lock = lock.clone();
                    move || {
                        lock.acquire()?;
                        let _ = lock.release();
                        Ok(())
                    }
                });
                sleep(0.001)?;
                assert!(greenlets.iter().all(|g| !g.ready()));
                let _ = lock.release();
                finish(&greenlets)?;
                assert!(!lock.locked());
                Ok(())
            }

            #[test]
            fn test_with() -> TestResult {
                let lock = $new;
                let with = |fails: bool| -> TestResult {
                    let _guard = lock.acquire_guard()?;
                    if fails {
                        crate::support::fail("inside")
                    } else {
                        Ok(())
                    }
                };
                with(false)?;
                assert!(!lock.locked());
                assert!(with(true).is_err());
                assert!(!lock.locked());
                Ok(())
            }

            /// An exception that is thrown in ends the wait, and leaves nothing behind.
            #[test]
            fn test_outer_timeout_is_not_lost() -> TestResult {
                let lock = $new;
                lock.acquire()?;
                let waiter = spawn({
                    let lock = lock.clone();
                    move || {
                        outer_timeout_is_not_lost(|seconds| lock.acquire_timeout(seconds).map(drop));
                    }
                });
                waiter.get()?;
                let _ = lock.release();
                assert!(lock.try_acquire());
                Ok(())
            }
        }
    };
}

base_lock_tests!(lock_tests, Semaphore::new(1));
base_lock_tests!(rlock_base_tests, RLock::new());

/// lock_tests.LockTests
mod lock_only_tests {
    use super::*;

    #[test]
    fn test_reacquire() -> TestResult {
        let lock = Semaphore::new(1);
        let phase = Rc::new(Cell::new(0));
        let greenlets = bunch(1, {
            let (lock, phase) = (lock.clone(), phase.clone());
            move || {
                lock.acquire()?;
                phase.set(1);
                lock.acquire()?;
                phase.set(2);
                Ok(())
            }
        });
        sleep(0.001)?;
        assert_eq!(phase.get(), 1);
        lock.release();
        finish(&greenlets)?;
        assert_eq!(phase.get(), 2);
        Ok(())
    }

    /// A lock may be released by another greenlet than the one that acquired it.
    #[test]
    fn test_different_thread() -> TestResult {
        let lock = Semaphore::new(1);
        lock.acquire()?;
        finish(&bunch(1, {
            let lock = lock.clone();
            move || Ok(lock.release())
        }))?;
        lock.acquire().map(drop)
    }
}

/// lock_tests.RLockTests
mod rlock_tests {
    use super::*;

    #[test]
    fn test_reacquire() -> TestResult {
        let lock = RLock::new();
        lock.acquire()?;
        lock.acquire()?;
        lock.release()?;
        lock.acquire()?;
        lock.release()?;
        assert!(lock.locked());
        lock.release()?;
        assert!(!lock.locked());
        Ok(())
    }

    #[test]
    fn test_release_unacquired() -> TestResult {
        let lock = RLock::new();
        let me = gevent::getcurrent().id();
        let error = lock.release().unwrap_err();
        assert_eq!((error.owner, error.current), (None, me));
        lock.acquire()?;
        lock.acquire()?;
        lock.release()?;
        lock.acquire()?;
        lock.release()?;
        lock.release()?;
        assert_eq!(lock.release(), Err(error));
        assert!(
            error
                .to_string()
                .starts_with("cannot release un-acquired lock. Owner: none")
        );
        Ok(())
    }

    #[test]
    fn test_different_thread() -> TestResult {
        let lock = RLock::new();
        let holder = spawn({
            let lock = lock.clone();
            move || {
                lock.acquire()?;
                sleep(0.002)?;
                Ok(lock.release()?)
            }
        });
        sleep(0)?;
        let error = lock.release().unwrap_err();
        assert_eq!(error.owner, Some(holder.raw().id()));
        holder.get()
    }

    #[test]
    fn test_is_owned() -> TestResult {
        let lock = RLock::new();
        assert!(!lock.is_owned());
        lock.acquire()?;
        assert!(lock.is_owned());
        lock.acquire()?;
        let other = spawn({
            let lock = lock.clone();
            move || lock.is_owned()
        });
        assert!(!other.get()?);
        lock.release()?;
        assert!(lock.is_owned());
        lock.release()?;
        assert!(!lock.is_owned());
        Ok(())
    }

    #[test]
    fn a_guard_releases_wherever_it_is_dropped() -> TestResult {
        let _bounded = bounded();
        let lock = RLock::new();
        let (first, second) = (lock.acquire_guard()?, lock.acquire_guard()?);
        let dropped = spawn(move || drop(first));
        dropped.get()?;
        assert!(lock.is_owned());
        let waits = lock.clone();
        let got = Rc::new(RefCell::new(None));
        let gets = got.clone();
        let waits = spawn(move || {
            let guard = waits.acquire_guard()?;
            gets.replace(Some(guard));
            Ok(())
        });
        sleep(0)?;
        assert!(!waits.ready());
        drop(second);
        waits.get()?;
        // The owner has ended when another greenlet drops its guard.
        assert!(lock.locked() && !lock.is_owned());
        let guard = got.take();
        drop(guard);
        assert!(!lock.locked() && lock.try_acquire());
        lock.release()?;
        Ok(())
    }

    #[test]
    fn a_guard_releases_nothing_of_somebody_else() -> TestResult {
        let _bounded = bounded();
        let lock = RLock::new();
        let guard = lock.acquire_guard()?;
        lock.release()?;
        let holds = lock.clone();
        let holder = spawn(move || {
            holds.acquire()?;
            sleep(0)?;
            Ok(holds.is_owned())
        });
        sleep(0)?;
        assert!(lock.locked());
        drop(guard);
        assert!(holder.get()?);
        Ok(())
    }

    #[test]
    fn a_guard_is_dropped_while_its_owner_waits_for_a_condition() -> TestResult {
        let _bounded = bounded();
        for guards in 1..3 {
            let condition = Condition::new();
            let held = Rc::new(RefCell::new(Vec::new()));
            let (its, waits) = (held.clone(), condition.clone());
            let waiter = spawn(move || {
                for _ in 0..guards {
                    its.borrow_mut().push(waits.acquire_guard()?);
                }
                waits.wait()?;
                Ok(waits.lock().is_owned())
            });
            sleep(0)?;
            let one = held.borrow_mut().pop();
            drop(one);
            {
                let _held = condition.acquire_guard()?;
                condition.notify(1)?;
            }
            assert_eq!(waiter.get()?, guards > 1);
            let others = held.take();
            drop(others);
            assert!(!condition.lock().locked());
        }
        Ok(())
    }

    #[test]
    fn test_guards() -> TestResult {
        let lock = RLock::new();
        let outer = lock.acquire_guard()?;
        let inner = lock.try_acquire_guard().expect("is its owner");
        let third = lock.acquire_guard_timeout(0)?.expect("is its owner");
        drop((outer, inner));
        assert!(lock.locked());
        drop(third);
        assert!(!lock.locked());
        let debug = format!("{lock:?}");
        assert!(debug.starts_with("<RLock at 0x") && debug.ends_with("_count=0 _owner=none>"));
        Ok(())
    }

    /// The lock does not keep its owner alive: an owner that cannot be woken is unwound, and releases the lock.
    #[test]
    fn test_a_forgotten_owner_releases() -> TestResult {
        let lock = RLock::new();
        let g = gevent::RawGreenlet::new({
            let (lock, main) = (lock.clone(), gevent::getcurrent());
            move |_| {
                let _held = lock.acquire_guard()?;
                main.switch(())
            }
        });
        g.switch(())?;
        assert!(lock.locked());
        drop(g);
        assert!(!lock.locked());
        Ok(())
    }
}

/// lock_tests.ConditionTests
mod condition_tests {
    use super::*;

    #[test]
    fn test_acquire() -> TestResult {
        let condition = Condition::new();
        condition.acquire()?;
        condition.acquire()?;
        condition.release()?;
        condition.release()?;
        let lock = RLock::new();
        let condition = Condition::with_lock(&lock);
        let held = condition.acquire_guard()?;
        assert!(lock.is_owned() && *condition.lock() == lock);
        drop(held);
        assert!(!lock.locked());
        Ok(())
    }

    #[test]
    fn test_unacquired_wait() {
        let error = Condition::new().wait().unwrap_err();
        assert!(error.is::<NotOwnedError>());
        let error = Condition::new().wait_for(|| true).unwrap_err();
        assert!(error.is::<NotOwnedError>());
    }

    #[test]
    fn test_unacquired_notify() {
        assert!(Condition::new().notify(1).is_err());
        assert!(Condition::new().notify_all().is_err());
    }

    fn check_notify(condition: &Condition) -> TestResult {
        let phase = Rc::new(Cell::new(0));
        let (results1, results2) = (Log::<i32>::new(), Log::<i32>::new());
        let greenlets = bunch(5, {
            let (condition, phase) = (condition.clone(), phase.clone());
            let (results1, results2) = (results1.clone(), results2.clone());
            move || {
                for results in [&results1, &results2] {
                    let held = condition.acquire_guard()?;
                    assert!(condition.wait()?);
                    drop(held);
                    results.add(phase.get());
                }
                Ok(())
            }
        });
        sleep(0.001)?;
        assert!(results1.is_empty());
        let notify = |n: usize| -> TestResult {
            let _held = condition.acquire_guard()?;
            condition.notify(n)?;
            sleep(0.001)?;
            phase.set(phase.get() + 1);
            Ok(())
        };
        notify(3)?;
        sleep(0.001)?;
        assert_eq!((results1.take(), results2.len()), (vec![1; 3], 0));
        // Two greenlets are in their first wait, before those in their second.
        notify(5)?;
        sleep(0.001)?;
        assert_eq!((results1.take(), results2.take()), (vec![2; 2], vec![2; 3]));
        notify(usize::MAX)?;
        finish(&greenlets)?;
        assert_eq!(results2.take(), [3; 2]);
        assert_eq!(condition.waiting(), 0);
        Ok(())
    }

    #[test]
    fn test_notify() -> TestResult {
        let condition = Condition::new();
        check_notify(&condition)?;
        check_notify(&condition)
    }

    #[test]
    fn test_timeout() -> TestResult {
        let condition = Condition::new();
        let greenlets = bunch(5, {
            let condition = condition.clone();
            move || {
                let _held = condition.acquire_guard()?;
                condition.wait_timeout(0.01)
            }
        });
        assert_eq!(finish(&greenlets)?, [false; 5]);
        assert!(condition.waiting() == 0 && !condition.lock().locked());
        Ok(())
    }

    #[test]
    fn test_wait_for() -> TestResult {
        let condition = Condition::new();
        let state = Rc::new(Cell::new(0));
        let waiter = spawn({
            let (condition, state) = (condition.clone(), state.clone());
            move || {
                let _held = condition.acquire_guard()?;
                let reached = condition.wait_for_timeout(|| state.get() == 4, crate::support::LONG)?;
                Ok((reached, state.get()))
            }
        });
        for i in 1..=4 {
            sleep(0)?;
            let _held = condition.acquire_guard()?;
            state.set(i);
            condition.notify(1)?;
        }
        assert_eq!(waiter.get()?, (true, 4));
        let _held = condition.acquire_guard()?;
        assert!(!condition.wait_for_timeout(|| false, 0.01)?);
        Ok(())
    }

    /// However the wait has ended, the lock is held as often as before.
    #[test]
    fn test_a_killed_waiter_has_the_lock_again() -> TestResult {
        let condition = Condition::new();
        let owned = Rc::new(Cell::new(false));
        let waiter = spawn({
            let (condition, owned) = (condition.clone(), owned.clone());
            move || {
                let _outer = condition.acquire_guard()?;
                let _inner = condition.acquire_guard()?;
                let waited = condition.wait();
                owned.set(condition.lock().is_owned());
                waited
            }
        });
        sleep(0)?;
        let held = condition.acquire_guard()?;
        waiter.kill_with(soon())?;
        sleep(0.001)?;
        assert!(!waiter.ready());
        // A second kill, while the greenlet waits for the lock, is held back.
        waiter.kill_with(soon())?;
        sleep(0.001)?;
        assert!(!waiter.ready());
        drop(held);
        waiter.join()?;
        assert!(owned.get() && !condition.lock().locked());
        Ok(())
    }

    /// Unlike in Python, a notification that came too late for its waiter goes to the next one.
    #[test]
    fn test_a_killed_waiter_passes_its_notification_on() -> TestResult {
        let _bounded = bounded();
        let condition = Condition::new();
        let waiters = bunch(2, {
            let condition = condition.clone();
            move || {
                let _held = condition.acquire_guard()?;
                condition.wait()
            }
        });
        sleep(0)?;
        waiters[0].kill_with(soon())?;
        {
            let _held = condition.acquire_guard()?;
            condition.notify(1)?;
        }
        assert!(waiters[1].get()?);
        // A notification that the last waiter does not take is lost.
        let last = bunch(1, {
            let condition = condition.clone();
            move || {
                let _held = condition.acquire_guard()?;
                condition.wait()
            }
        });
        sleep(0)?;
        last[0].kill_with(soon())?;
        let _held = condition.acquire_guard()?;
        condition.notify(1)?;
        sleep(0.001)?;
        assert!(!condition.wait_timeout(0.001)?);
        Ok(())
    }
}

/// lock_tests.BarrierTests
mod barrier_tests {
    use super::*;

    const N: usize = 5;

    /// Runs the function in `N` greenlets, one of which is the current one.
    fn run_threads(function: impl Fn() -> TestResult + Clone + 'static) -> TestResult {
        let _bounded = bounded();
        let greenlets = bunch(N - 1, function.clone());
        function()?;
        finish(&greenlets).map(drop)
    }

    fn multipass(n: usize) -> TestResult {
        let barrier = Barrier::new(N);
        let results = Rc::new((Cell::new(0), Cell::new(0)));
        let b = barrier.clone();
        run_threads(move || {
            for i in 0..n {
                results.0.set(results.0.get() + 1);
                assert_eq!(results.1.get(), i * N);
                b.wait()?;
                results.1.set(results.1.get() + 1);
                assert_eq!(results.0.get(), (i + 1) * N);
                b.wait()?;
            }
            Ok(())
        })?;
        assert_eq!(barrier.n_waiting(), 0);
        assert!(!barrier.broken() && barrier.parties() == N);
        Ok(())
    }

    #[test]
    fn test_barrier() -> TestResult {
        multipass(1)
    }

    #[test]
    fn test_barrier_10() -> TestResult {
        multipass(10)
    }

    #[test]
    fn test_wait_return() -> TestResult {
        let barrier = Barrier::new(N);
        let results = Rc::new(RefCell::new(Vec::new()));
        let r = results.clone();
        run_threads(move || {
            let index = barrier.wait()?;
            r.borrow_mut().push(index);
            Ok(())
        })?;
        results.borrow_mut().sort();
        assert_eq!(*results.borrow(), [0, 1, 2, 3, 4]);
        Ok(())
    }

    #[test]
    fn test_action() -> TestResult {
        let calls = Rc::new(Cell::new(0));
        let barrier = Barrier::new(N).with_action({
            let calls = calls.clone();
            move || {
                calls.set(calls.get() + 1);
                Ok(())
            }
        });
        run_threads(move || {
            barrier.wait()?;
            assert_eq!(calls.get(), 1);
            Ok(())
        })
    }

    /// If the action waits, the others wait for it, also when their time is over meanwhile.
    #[test]
    fn test_an_action_that_blocks() -> TestResult {
        let done = Rc::new(Cell::new(false));
        let barrier = Barrier::new(N).with_timeout(0.005).with_action({
            let done = done.clone();
            move || {
                sleep(0.02)?;
                done.set(true);
                Ok(())
            }
        });
        run_threads(move || {
            barrier.wait()?;
            assert!(done.get());
            Ok(())
        })
    }

    #[test]
    fn test_a_failing_action_breaks_it() -> TestResult {
        let barrier = Barrier::new(2).with_action(|| crate::support::fail("in the action"));
        let other = spawn({
            let barrier = barrier.clone();
            move || Ok(barrier.wait().unwrap_err().is::<BrokenBarrierError>())
        });
        sleep(0)?;
        let error = barrier.wait().unwrap_err();
        assert!(error.is::<crate::support::ExpectedError>());
        assert!(other.get()? && barrier.broken());
        Ok(())
    }

    /// Passes the barrier twice. The greenlet in the middle breaks it instead, and the others may be in their first or
    /// second pass then.
    fn pass_unless_aborted(barrier: &Barrier, passed: &Cell<usize>, broken: &Cell<usize>) {
        let pass = || -> Result<(), Exception> {
            if barrier.wait()? == N / 2 {
                barrier.abort();
                return Ok(());
            }
            barrier.wait()?;
            passed.set(passed.get() + 1);
            Ok(())
        };
        if let Err(error) = pass() {
            assert!(error.is::<BrokenBarrierError>(), "{error:?}");
            broken.set(broken.get() + 1);
        }
    }

    #[test]
    fn test_abort() -> TestResult {
        let barrier = Barrier::new(N);
        let results = Rc::new((Cell::new(0), Cell::new(0)));
        let (b, r) = (barrier.clone(), results.clone());
        run_threads(move || {
            pass_unless_aborted(&b, &r.0, &r.1);
            Ok(())
        })?;
        assert_eq!((results.0.get(), results.1.get()), (0, N - 1));
        assert!(barrier.broken());
        Ok(())
    }

    #[test]
    fn test_reset() -> TestResult {
        let barrier = Barrier::new(N);
        let results = Rc::new((Cell::new(0), Cell::new(0), Cell::new(0)));
        let (b, r) = (barrier.clone(), results.clone());
        run_threads(move || {
            if b.wait()? == N / 2 {
                while b.n_waiting() < N - 1 {
                    sleep(0)?;
                }
                b.reset();
            } else {
                match b.wait() {
                    Ok(_) => r.0.set(r.0.get() + 1),
                    Err(_) => r.1.set(r.1.get() + 1),
                }
            }
            b.wait()?;
            r.2.set(r.2.get() + 1);
            Ok(())
        })?;
        assert_eq!((results.0.get(), results.1.get(), results.2.get()), (0, N - 1, N));
        Ok(())
    }

    #[test]
    fn test_abort_and_reset() -> TestResult {
        let (barrier, barrier2) = (Barrier::new(N), Barrier::new(N));
        let results = Rc::new((Cell::new(0), Cell::new(0), Cell::new(0)));
        let (b, b2, r) = (barrier, barrier2, results.clone());
        run_threads(move || {
            pass_unless_aborted(&b, &r.0, &r.1);
            if b2.wait()? == N / 2 {
                b.reset();
            }
            b2.wait()?;
            b.wait()?;
            r.2.set(r.2.get() + 1);
            Ok(())
        })?;
        assert_eq!((results.0.get(), results.1.get(), results.2.get()), (0, N - 1, N));
        Ok(())
    }

    /// Comes to the barrier only when the time of those that wait there is over.
    fn be_late(barrier: &Barrier) -> TestResult {
        while !barrier.broken() {
            sleep(0.001)?;
        }
        Ok(())
    }

    #[test]
    fn test_timeout() -> TestResult {
        let barrier = Barrier::new(N);
        run_threads(move || {
            if barrier.wait()? == N / 2 {
                be_late(&barrier)?;
            }
            assert!(barrier.wait_timeout(0.01).unwrap_err().is::<BrokenBarrierError>());
            Ok(())
        })
    }

    #[test]
    fn test_default_timeout() -> TestResult {
        let barrier = Barrier::new(N).with_timeout(0.05);
        run_threads(move || {
            if barrier.wait()? == N / 2 {
                be_late(&barrier)?;
            }
            assert!(barrier.wait().unwrap_err().is::<BrokenBarrierError>());
            Ok(())
        })
    }

    #[test]
    fn test_single_thread() -> TestResult {
        let barrier = Barrier::new(1);
        assert_eq!((barrier.wait()?, barrier.wait()?), (0, 0));
        Ok(())
    }

    /// As in Python, a killed greenlet is missing at the barrier, but the barrier is not broken.
    #[test]
    fn test_a_killed_waiter() -> TestResult {
        let barrier = Barrier::new(2);
        let waiters = bunch(1, {
            let barrier = barrier.clone();
            move || barrier.wait()
        });
        sleep(0)?;
        assert_eq!(barrier.n_waiting(), 1);
        waiters[0].kill()?;
        assert!(barrier.n_waiting() == 0 && !barrier.broken());
        let pair = bunch(2, move || barrier.wait());
        joinall(&pair)?;
        assert_eq!(finish(&pair)?, [0, 1]);
        Ok(())
    }
}
