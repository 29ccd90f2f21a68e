//! Tests that an object which belongs to one thread cannot be used in another.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gevent::exceptions::InvalidThreadUseError;
use gevent::{Exception, Greenlet, ThreadBound, get_hub, sleep, spawn};

type TestResult = Result<(), Exception>;

#[test]
fn test_greenlet_used_in_another_thread() -> TestResult {
    let greenlet = spawn(|| sleep(0.001).map(|()| 7));
    let bound = Arc::new(ThreadBound::new(greenlet));
    let (here, away) = (thread::current().id(), bound.clone());
    let error = thread::spawn(move || away.get().map(Greenlet::ready).unwrap_err())
        .join()
        .expect("it does not panic");
    assert_eq!(error.bound_to, here);
    assert_ne!(error.used_in, here);
    assert!(Exception::new(error).is::<InvalidThreadUseError>());
    assert_eq!(bound.get()?.get()?, 7);
    Ok(())
}

#[test]
fn test_a_callback_brings_it_home() -> TestResult {
    let count = Rc::new(());
    let bound = ThreadBound::new(count.clone());
    let home = get_hub().loop_().threadsafe();
    let thread = thread::spawn(move || {
        home.run_callback_threadsafe(move || -> TestResult {
            drop(bound.into_inner()?);
            Ok(())
        })
        .map(drop)
    });
    thread.join().expect("it does not panic")?;
    assert_eq!(Rc::strong_count(&count), 2);
    sleep(0)?;
    assert_eq!(Rc::strong_count(&count), 1);
    Ok(())
}

#[test]
fn test_dropped_elsewhere_it_is_leaked() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    /// The type has no size, so no memory is leaked.
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let mut dropped_here = ThreadBound::new(Counted);
    assert!(dropped_here.get_mut().is_ok());
    drop(dropped_here);
    assert_eq!(DROPPED.load(Ordering::Relaxed), 1);
    let bound = ThreadBound::new(Counted);
    thread::spawn(move || drop(bound)).join().expect("it does not panic");
    assert_eq!(DROPPED.load(Ordering::Relaxed), 1);
}

#[test]
fn test_taken_apart_elsewhere_it_comes_back() -> TestResult {
    let value = Rc::new(7);
    let bound = ThreadBound::new(value.clone());
    let here = thread::current().id();
    let refused = thread::spawn(move || bound.into_inner().expect_err("not there"))
        .join()
        .expect("it does not panic");
    assert_eq!(refused.error.bound_to, here);
    drop(refused.bound.into_inner()?);
    assert_eq!(Rc::strong_count(&value), 1);
    Ok(())
}
