//! The counterpart of gevent's test__hub_join and test__hub_join_timeout, written anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::support::{LONG, TestResult, bounded};
use gevent::exceptions::NotMainGreenletError;
use gevent::{get_hub, sleep, spawn, spawn_later};

/// A value that counts its living instances in all threads.
struct Guest(Arc<AtomicUsize>);

impl Guest {
    fn new(alive: &Arc<AtomicUsize>) -> Guest {
        alive.fetch_add(1, Ordering::Relaxed);
        Guest(alive.clone())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn test_join_many_times() -> TestResult {
    let _bounded = bounded();
    let hub = get_hub();
    assert!(hub.join()?);
    assert!(!hub.greenlet().dead());
    assert!(hub.join()?);
    sleep(0.001)?;
    assert!(hub.join()?);
    assert_eq!(hub, get_hub());
    Ok(())
}

#[test]
fn test_join_in_new_thread_doesnt_leak_hub_or_greenlet() {
    let _bounded = bounded();
    let alive = Arc::new(AtomicUsize::new(0));
    for destroy in [true, false] {
        // Only a thread that notices its end in time finishes its hub by itself.
        if !destroy && !cfg!(all(target_os = "linux", target_env = "gnu")) {
            continue;
        }
        for _ in 0..10 {
            let guests = alive.clone();
            let thread = thread::spawn(move || -> Result<(), String> {
                let body = || -> TestResult {
                    let in_greenlet = Guest::new(&guests);
                    let g = spawn(move || drop(in_greenlet));
                    g.raw().set_local(Guest::new(&guests));
                    g.join()?;
                    let hub = get_hub();
                    hub.greenlet().set_local(Guest::new(&guests));
                    assert!(hub.join()?);
                    if destroy {
                        hub.destroy(true)?;
                    }
                    Ok(())
                };
                body().map_err(|error| format!("{error:?}"))
            });
            assert_eq!(thread.join().expect("no panic"), Ok(()));
            assert_eq!(alive.load(Ordering::Relaxed), 0);
        }
    }
}

/// Runs `f` in a thread that ends its greenlets.
fn ended_thread<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> thread::JoinHandle<R> {
    thread::spawn(|| gevent::hub::run(body).expect("the main greenlet runs it"))
}

#[test]
fn test_a_thread_that_ends_takes_its_waiting_greenlets_along() {
    let _bounded = bounded();
    let alive = Arc::new(AtomicUsize::new(0));
    let guests = alive.clone();
    let thread = ended_thread(move || {
        for _ in 0..3 {
            let guest = Guest::new(&guests);
            spawn(move || {
                let _guest = guest;
                sleep(LONG)
            });
        }
        let never_ran = Guest::new(&guests);
        let body = || -> TestResult {
            sleep(0.001)?;
            get_hub().greenlet().set_local(Guest::new(&guests));
            spawn(move || drop(never_ran));
            spawn_later(LONG, || ());
            Ok(())
        };
        body().map_err(|error| format!("{error:?}"))
    });
    assert_eq!(thread.join().expect("no panic"), Ok(()));
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// The hub ends with its thread also if the thread panics while the hub runs.
#[test]
fn test_a_thread_ends_whose_greenlets_wait_in_the_midst_of_panics() {
    struct Waits(f64);
    impl Drop for Waits {
        fn drop(&mut self) {
            // At the thread's end the wait fails.
            let _ = sleep(self.0);
        }
    }
    let _bounded = bounded();
    let alive = Arc::new(AtomicUsize::new(0));
    let guests = alive.clone();
    let thread = ended_thread(move || {
        let guest = Guest::new(&guests);
        spawn(move || {
            let _guest = guest;
            let _waits = (Waits(LONG), Waits(LONG));
            if true {
                std::panic::resume_unwind(Box::new("a greenlet's"));
            }
        });
        let guest = Guest::new(&guests);
        spawn(move || {
            let _guest = guest;
            sleep(LONG)
        });
        let _waits = Waits(0.001);
        std::panic::resume_unwind(Box::new("the thread's"));
    });
    let panic = thread.join().expect_err("it panics");
    assert_eq!(panic.downcast_ref(), Some(&"the thread's"));
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// Only the greenlets themselves, and the objects for which they wait, have handles of them.
#[test]
fn test_a_thread_that_ends_takes_greenlets_along_that_wait_for_ever() {
    let _bounded = bounded();
    let alive = Arc::new(AtomicUsize::new(0));
    let guests = alive.clone();
    let thread = ended_thread(move || {
        let (first, second) = (Guest::new(&guests), Guest::new(&guests));
        let waits = spawn(move || {
            let _first = first;
            waiter::Waiter::<()>::new(get_hub().as_wait_hub()).get()
        });
        spawn(move || {
            let _second = second;
            waits.join()
        });
        get_hub().join().map_err(|error| format!("{error:?}"))
    });
    assert_eq!(thread.join().expect("no panic"), Ok(true));
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn test_join_is_for_the_main_greenlet() -> TestResult {
    let _bounded = bounded();
    let error = spawn(|| get_hub().join()).get().unwrap_err();
    assert!(error.is::<NotMainGreenletError>(), "{error:?}");
    let error = spawn(|| get_hub().destroy(true)).get().unwrap_err();
    assert!(error.is::<NotMainGreenletError>(), "{error:?}");
    Ok(())
}

/// gevent's test__hub_join_timeout, in which each test runs twice, as it does here.
mod join_timeout {
    use super::*;

    fn twice(test: impl Fn() -> TestResult) -> TestResult {
        let _bounded = bounded();
        test()?;
        test()
    }

    /// The result of `hub.join`. Checks that it has taken at least `seconds`, and not a long time.
    fn join_takes(seconds: f64, timeout: Option<f64>) -> Result<bool, gevent::Exception> {
        join_takes_from(Instant::now(), seconds, timeout)
    }

    fn join_takes_from(begin: Instant, seconds: f64, timeout: Option<f64>) -> Result<bool, gevent::Exception> {
        let joined = get_hub().join_timeout(timeout)?;
        let took = begin.elapsed().as_secs_f64();
        assert!((seconds..seconds + LONG / 2.0).contains(&took), "{took}");
        Ok(joined)
    }

    #[test]
    fn test_callback() -> TestResult {
        twice(|| {
            let x = spawn(|| 5);
            assert!(join_takes(0.0, Some(LONG))?);
            assert!(x.dead());
            assert_eq!(x.value(), Some(5));
            Ok(())
        })
    }

    #[test]
    fn test_later() -> TestResult {
        twice(|| {
            let begin = Instant::now();
            get_hub().loop_().update_now()?;
            let x = spawn_later(0.01, || 5);
            assert!(join_takes_from(begin, 0.009, Some(LONG))?);
            assert!(x.dead());
            Ok(())
        })
    }

    #[test]
    fn test_timeout() -> TestResult {
        twice(|| {
            let x = spawn_later(LONG, || 5);
            assert!(!join_takes(0.01, Some(0.01))?);
            assert!(!x.dead());
            x.kill()?;
            assert!(join_takes(0.0, None)?);
            Ok(())
        })
    }

    /// Here gevent waits for an `Event`, which a greenlet sets at its end.
    #[test]
    fn test_event() -> TestResult {
        twice(|| {
            let x = spawn_later(LONG, || 5);
            let event_set = spawn_later(0.001, || ());
            assert_eq!(gevent::wait([&event_set])?, [&event_set]);
            assert!(!x.dead() && event_set.dead());
            x.kill()?;
            assert!(join_takes(0.0, None)?);
            Ok(())
        })
    }

    #[test]
    fn test_ref_arg() -> TestResult {
        twice(|| {
            let timer = get_hub().loop_().timer(LONG)?.with_ref(false)?;
            timer.start(|| ())?;
            assert!(join_takes(0.0, None)?);
            assert!(timer.active());
            Ok(())
        })
    }

    #[test]
    fn test_ref_attribute() -> TestResult {
        twice(|| {
            let timer = get_hub().loop_().timer(LONG)?;
            timer.start(|| ())?;
            timer.set_ref(false)?;
            assert!(join_takes(0.0, None)?);
            assert!(timer.active());
            Ok(())
        })
    }

    #[test]
    fn test_setting_up_signal_does_not_affect_join() -> TestResult {
        twice(|| {
            let handler = gevent::signal_handler(libc::SIGHUP, || Ok(()))?;
            assert!(join_takes(0.0, None)?);
            handler.cancel();
            Ok(())
        })
    }
}
