//! Panics, and what is thrown.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::panicking;
use std::time::Duration;

use gevent_threading::{park, sleep, spawn, yield_now};
use greenlet_core::{Exception, GreenletExit, RawGreenlet, greenlets};

/// A panic without a message.
fn fall(payload: u32) -> ! {
    resume_unwind(Box::new(payload))
}

#[test]
fn a_payload_comes_to_the_joiner() {
    let payload = spawn(|| fall(5)).join().expect_err("it panics");
    assert_eq!(payload.downcast_ref(), Some(&5_u32));
    let payload = spawn(|| panic_any("text")).join().expect_err("it panics");
    assert_eq!(payload.downcast_ref(), Some(&"text"));
    let payload = spawn(|| panic!("{}", std::hint::black_box(6)))
        .join()
        .expect_err("it panics");
    assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some("6"));
}

#[test]
fn a_panic_is_caught_where_it_is() {
    let thread = spawn(|| {
        let caught = catch_unwind(|| {
            yield_now();
            fall(1)
        });
        yield_now();
        (caught.is_err(), panicking())
    });
    assert_eq!(thread.join().ok(), Some((true, false)));
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn only_the_thread_that_panics_is_panicking() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let theirs = seen.clone();
    let thread = spawn(move || {
        let _waits = OnDrop(|| {
            theirs.lock().expect("free").push(("panics", panicking()));
            // Others run while this one is in the midst of a panic.
            sleep(Duration::from_millis(1));
            theirs.lock().expect("free").push(("panics", panicking()));
        });
        fall(1)
    });
    while seen.lock().expect("free").is_empty() {
        yield_now();
    }
    seen.lock().expect("free").push(("carrier", panicking()));
    let others = seen.clone();
    let other = spawn(move || others.lock().expect("free").push(("other", panicking())));
    other.join().expect("it does not panic");
    assert!(thread.join().is_err());
    let seen = seen.lock().expect("it is not poisoned");
    assert_eq!(
        *seen,
        [("panics", true), ("carrier", false), ("other", false), ("panics", true)]
    );
}

#[test]
fn a_mutex_is_poisoned_by_the_thread_that_panics_only() {
    let (held, free) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let (theirs, others) = (held.clone(), free.clone());
    let thread = spawn(move || {
        let _guard = theirs.lock().expect("free");
        let _waits = OnDrop(yield_now);
        fall(1)
    });
    let other = spawn(move || drop(others.lock().expect("free")));
    other.join().expect("it does not panic");
    assert!(thread.join().is_err());
    assert!(held.is_poisoned() && !free.is_poisoned());
}

#[test]
fn a_value_is_dropped_in_its_thread_if_nobody_joins() {
    struct Tells(Arc<Mutex<Option<std::thread::ThreadId>>>, std::thread::ThreadId);
    impl Drop for Tells {
        fn drop(&mut self) {
            let same = std::thread::current().id() == self.1;
            *self.0.lock().expect("free") = same.then_some(self.1);
        }
    }
    let told = Arc::new(Mutex::new(None));
    let theirs = told.clone();
    drop(spawn(move || Tells(theirs, std::thread::current().id())));
    while Arc::strong_count(&told) > 1 {
        yield_now();
    }
    assert!(told.lock().expect("free").is_some());
}

#[test]
fn a_value_whose_destructor_panics_harms_nobody() {
    drop(spawn(|| OnDrop(|| fall(1))));
    drop(spawn(|| std::panic::resume_unwind(Box::new(OnDrop(|| fall(1))))));
    assert_eq!(spawn(|| 1).join().ok(), Some(1));
}

/// The greenlet that carries the last virtual thread.
fn its_greenlet() -> RawGreenlet {
    let newest = greenlets()
        .into_iter()
        .filter(|greenlet| greenlet.name().as_deref() == Some("victim"))
        .last();
    newest.expect("it is parked")
}

fn victim<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> gevent_threading::JoinHandle<T> {
    let thread = gevent_threading::Builder::new()
        .name("victim".into())
        .spawn(f)
        .expect("it begins");
    yield_now();
    thread
}

#[test]
fn an_exception_that_is_thrown_unwinds_the_thread() {
    let dropped = Arc::new(AtomicU32::new(0));
    let theirs = dropped.clone();
    let thread = victim(move || {
        let _counts = OnDrop(|| _ = theirs.fetch_add(1, Ordering::Relaxed));
        park();
        park();
        unreachable!()
    });
    hub::kill(&its_greenlet(), Exception::msg("thrown")).expect("there is a hub");
    let payload = thread.join().expect_err("it is unwound");
    let exception = payload.downcast::<Exception>().expect("it is that exception");
    assert_eq!(
        (exception.to_string().as_str(), dropped.load(Ordering::Relaxed)),
        ("thrown", 1)
    );
}

#[test]
fn a_kill_can_be_caught() {
    let thread = victim(|| {
        let caught = catch_unwind(|| sleep(Duration::from_secs(1000))).expect_err("it is thrown");
        let caught = caught.downcast::<Exception>().expect("it is an exception");
        sleep(Duration::from_millis(1));
        caught.is_exit()
    });
    hub::kill(&its_greenlet(), GreenletExit).expect("there is a hub");
    assert_eq!(thread.join().ok(), Some(true));
}

#[test]
fn an_exception_that_comes_in_a_destructor_during_a_panic_is_not_raised() {
    let thread = victim(|| {
        let _waits = OnDrop(|| {
            park();
            sleep(Duration::from_millis(1));
        });
        fall(3)
    });
    hub::kill(&its_greenlet(), GreenletExit).expect("there is a hub");
    assert_eq!(thread.join().expect_err("it panics").downcast_ref(), Some(&3_u32));
}

#[test]
fn a_wait_that_is_ended_by_an_exception_keeps_the_token() {
    let thread = victim(|| {
        let caught = catch_unwind(AssertUnwindSafe(|| sleep(Duration::from_secs(1000))));
        // The token that has come meanwhile is there.
        park();
        caught.is_err()
    });
    thread.thread().unpark();
    hub::kill(&its_greenlet(), GreenletExit).expect("there is a hub");
    assert_eq!(thread.join().ok(), Some(true));
}

#[test]
fn a_thread_that_is_killed_before_it_begins_never_runs() {
    let thread = gevent_threading::Builder::new()
        .name("victim".into())
        .spawn(|| unreachable!())
        .expect("it is made");
    its_greenlet().throw(GreenletExit).ok();
    assert!(thread.join().expect_err("it never ran").is::<Exception>());
}
