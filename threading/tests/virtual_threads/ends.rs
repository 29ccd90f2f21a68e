//! The end of the carrier, while virtual threads are parked.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::panicking;

use gevent_threading::{JoinHandle, park, sleep, spawn, yield_now};
use greenlet_core::Exception;

struct Counts(Arc<AtomicU32>);

impl Drop for Counts {
    fn drop(&mut self) {
        // None of these waits any more.
        park();
        sleep(std::time::Duration::from_secs(1000));
        yield_now();
        if panicking() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

thread_local!(static LOCAL: std::cell::OnceCell<EndsLocal> = const { std::cell::OnceCell::new() });

struct EndsLocal(Arc<AtomicU32>);

impl Drop for EndsLocal {
    fn drop(&mut self) {
        park();
        self.0.fetch_add(100, Ordering::Relaxed);
    }
}

#[test]
fn they_are_unwound_at_the_end_of_run() {
    let count = Arc::new(AtomicU32::new(0));
    let theirs = count.clone();
    let handles = std::thread::spawn(move || {
        hub::run(|| {
            let make = |_| {
                let (first, local) = (Counts(theirs.clone()), EndsLocal(theirs.clone()));
                spawn(move || {
                    let _first = first;
                    LOCAL.with(|slot| drop(slot.set(local)));
                    park();
                    unreachable!()
                })
            };
            let handles: Vec<JoinHandle<()>> = (0..10).map(make).collect();
            yield_now();
            handles
        })
        .expect("this is a real thread's main greenlet")
    });
    let handles = handles.join().expect("it does not panic");
    assert_eq!(count.load(Ordering::Relaxed), 1010);
    for handle in handles {
        let payload = handle.join().expect_err("it was unwound");
        assert!(
            payload
                .downcast::<Exception>()
                .is_ok_and(|exception| exception.is_exit())
        );
    }
}

#[test]
fn threads_that_have_not_begun_end_with_their_hub() {
    let handles = std::thread::spawn(|| hub::run(|| [spawn(|| 1), spawn(|| 2)]).expect("a main greenlet"));
    for handle in handles.join().expect("it does not panic") {
        assert!(handle.join().expect_err("it never ran").is::<Exception>());
    }
}

/// Its hub ends, and nothing that its function owns disturbs that.
#[test]
fn a_function_that_never_runs_is_dropped() {
    struct Waits(Arc<AtomicU32>);
    impl Drop for Waits {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            sleep(std::time::Duration::from_millis(1));
        }
    }
    struct Panics(Arc<AtomicU32>);
    impl Drop for Panics {
        fn drop(&mut self) {
            self.0.fetch_add(10, Ordering::Relaxed);
            if !panicking() {
                std::panic::resume_unwind(Box::new(()));
            }
        }
    }
    let count = Arc::new(AtomicU32::new(0));
    let theirs = count.clone();
    let handles = std::thread::spawn(move || {
        hub::run(|| {
            let (waits, panics) = (Waits(theirs.clone()), Panics(theirs));
            [spawn(move || drop(waits)), spawn(move || drop(panics))]
        })
        .expect("a main greenlet")
    });
    for handle in handles.join().expect("the hub has ended well") {
        assert!(handle.join().expect_err("it never ran").is::<Exception>());
    }
    assert_eq!(count.load(Ordering::Relaxed), 11);
}

#[test]
fn a_thread_that_catches_its_unwinding_may_end() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let theirs = log.clone();
    let carrier = std::thread::spawn(move || {
        hub::run(|| {
            let handle = spawn(move || {
                let caught = std::panic::catch_unwind(park).is_err();
                theirs.lock().expect("free").push(caught);
                5
            });
            yield_now();
            handle
        })
        .expect("a main greenlet")
    });
    let handle = carrier.join().expect("it does not panic");
    assert_eq!(handle.join().ok(), Some(5));
    assert_eq!(*log.lock().expect("free"), [true]);
}

#[test]
fn a_thread_that_never_ends_is_given_up() {
    let carrier = std::thread::spawn(move || {
        hub::run(|| {
            let handle = spawn(|| {
                loop {
                    let _ = std::panic::catch_unwind(park);
                }
            });
            yield_now();
            handle
        })
        .expect("a main greenlet")
    });
    let handle: JoinHandle<()> = carrier.join().expect("it does not panic");
    assert!(handle.join().is_err());
}

#[test]
fn a_scope_is_unwound_after_its_threads() {
    let count = Arc::new(AtomicU32::new(0));
    let theirs = count.clone();
    let carrier = std::thread::spawn(move || {
        hub::run(|| {
            let handle = spawn(move || {
                let mine = AtomicU32::new(0);
                let _tells = Tells(&mine, theirs);
                gevent_threading::scope(|s| {
                    let count = || {
                        let _adds = Adds(&mine);
                        park();
                    };
                    s.spawn(count);
                    s.spawn(count);
                });
            });
            yield_now();
            yield_now();
            handle
        })
        .expect("a main greenlet")
    });
    assert!(carrier.join().expect("it does not panic").join().is_err());
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

struct Adds<'a>(&'a AtomicU32);

impl Drop for Adds<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Tells<'a>(&'a AtomicU32, Arc<AtomicU32>);

impl Drop for Tells<'_> {
    fn drop(&mut self) {
        self.1.store(self.0.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
