//! gevent's own functions in a virtual thread, by its carrier.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use gevent_threading::{Builder, Carried, JoinHandle, on_carrier, park, scope, spawn, yield_now};
use greenlet_core::{Exception, GreenletError, GreenletExit, greenlets, is_virtual_thread};

fn id() -> ThreadId {
    thread::current().id()
}

#[test]
fn code_is_the_carriers_in_there() {
    let carrier = id();
    let seen = spawn(move || {
        let mine = id();
        let inside = on_carrier(|| (id(), is_virtual_thread(), on_carrier(id)));
        (
            inside == (carrier, false, carrier),
            mine != carrier,
            id() == mine,
            is_virtual_thread(),
        )
    });
    assert_eq!(seen.join().ok(), Some((true, true, true, true)));
}

#[test]
fn thread_locals_are_the_carriers_in_there() {
    thread_local!(static NUMBER: Cell<u32> = const { Cell::new(0) });
    NUMBER.set(1);
    let add = || {
        NUMBER.set(NUMBER.get() + 10);
        on_carrier(|| {
            let before = NUMBER.get();
            gevent::sleep(0).expect("there is a hub");
            NUMBER.set(NUMBER.get() + 1);
            before
        })
        .max(NUMBER.get())
    };
    let threads = [spawn(add), spawn(add)];
    assert_eq!(
        threads.map(|thread| thread.join().expect("it does not panic")),
        [10, 10]
    );
    assert_eq!(NUMBER.get(), 3);
}

#[test]
fn gevents_objects_connect_virtual_threads_and_greenlets() {
    thread_local!(static QUEUE: RefCell<Option<gevent::queue::Queue<u32>>> = const { RefCell::new(None) });
    let queue = gevent::queue::Queue::new();
    QUEUE.set(Some(queue.clone()));
    let thread = spawn(|| {
        let mut sum = 0;
        for _ in 0..3 {
            sum += on_carrier(|| {
                let queue = QUEUE.with_borrow(Clone::clone).expect("it is set");
                queue.get().expect("there is a hub")
            });
        }
        sum
    });
    let greenlet = gevent::spawn(move || {
        for number in 1..=3 {
            queue.put(number)?;
            gevent::sleep(0)?;
        }
        Ok::<_, Exception>(())
    });
    greenlet.get().expect("nobody kills it");
    assert_eq!(thread.join().ok(), Some(6));
    QUEUE.take();
}

#[test]
fn what_is_borrowed_may_go_in() {
    let (words, count) = (["a", "b"], Mutex::new(0));
    let text = scope(|s| {
        let thread = s.spawn(|| {
            let mut own = String::new();
            on_carrier(|| {
                gevent::sleep(0).expect("there is a hub");
                own.push_str(&words.concat());
                *count.lock().expect("nobody panics") += 1;
            });
            own
        });
        thread.join().expect("it does not panic")
    });
    assert_eq!((text.as_str(), count.into_inner().ok()), ("ab", Some(1)));
}

#[test]
fn in_other_threads_it_is_a_plain_call() {
    let number = Cell::new(1);
    // This thread has no hub yet; a closure that is `Send` is all that is asked for.
    let add = on_carrier(|| 1);
    number.set(number.get() + add);
    let mut carried = Carried::new(|| Rc::new(2));
    carried.with_mut(|rc| *Rc::make_mut(rc) += 1);
    assert_eq!(
        (number.get(), carried.with(|rc| **rc), carried.consume(|rc| *rc)),
        (2, 3, 3)
    );
}

#[test]
fn a_panic_comes_through_with_its_payload() {
    let thread = spawn(|| {
        let caught = catch_unwind(|| on_carrier(|| resume_unwind(Box::new(7_u32))));
        let payload: Result<(), _> = caught;
        let number = payload
            .expect_err("it panics")
            .downcast::<u32>()
            .expect("it is that one");
        (*number, thread::panicking(), on_carrier(thread::panicking))
    });
    assert_eq!(thread.join().ok(), Some((7, false, false)));
}

fn victim<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let thread = Builder::new().name("victim".into()).spawn(f).expect("it begins");
    yield_now();
    thread
}

fn kill() {
    let all = greenlets().into_iter();
    let victim = all
        .filter(|greenlet| greenlet.name().as_deref() == Some("victim"))
        .last();
    hub::kill(&victim.expect("it is parked"), GreenletExit).expect("there is a hub");
}

#[test]
fn a_kill_is_the_error_of_the_wait_in_there() {
    let thread = victim(|| {
        let killed = on_carrier(|| gevent::sleep(1000).is_err_and(|exception| exception.is_exit()));
        // It may go on.
        yield_now();
        killed
    });
    kill();
    assert_eq!(thread.join().ok(), Some(true));
}

#[test]
fn the_others_go_on_meanwhile() {
    let waits = spawn(|| on_carrier(|| gevent::sleep(0.005)).is_ok());
    let mut turns = 0;
    while !waits.is_finished() {
        yield_now();
        turns += 1;
    }
    assert!(turns > 1);
    assert_eq!(waits.join().ok(), Some(true));
}

type Log = Arc<Mutex<Vec<(&'static str, bool)>>>;

/// Notes whether it was dropped in a virtual thread.
struct Notes(&'static str, Log);

impl Drop for Notes {
    fn drop(&mut self) {
        self.1
            .lock()
            .expect("nobody panics")
            .push((self.0, is_virtual_thread()));
    }
}

/// Ends a hub in which a virtual thread is parked; returns what has been noted, and the payload.
fn unwound(f: impl FnOnce(Log) + Send + 'static) -> (Vec<(&'static str, bool)>, Exception) {
    let log = Log::default();
    let theirs = log.clone();
    let carrier = thread::spawn(move || {
        hub::run(|| {
            let handle = spawn(move || f(theirs));
            yield_now();
            handle
        })
        .expect("a main greenlet")
    });
    let handle = carrier.join().expect("it does not panic");
    let payload = handle.join().expect_err("it is unwound");
    let log = log.lock().expect("nobody panics").clone();
    (log, *payload.downcast::<Exception>().expect("it is thrown"))
}

#[test]
fn an_unwinding_passes_the_border() {
    let (log, exception) = unwound(|log| {
        let _outer = Notes("outer", log.clone());
        on_carrier(|| {
            let _inner = Notes("inner", log.clone());
            let _ = gevent::sleep(1000);
            log.lock().expect("nobody panics").push(("not reached", true));
        });
    });
    assert_eq!(log, [("inner", false), ("outer", true)]);
    assert!(exception.is_exit());
}

#[test]
fn destructors_of_an_unwinding_use_the_carrier_and_cannot_wait() {
    struct Uses(Log);
    impl Drop for Uses {
        fn drop(&mut self) {
            for _ in 0..3 {
                let refused = on_carrier(|| gevent::sleep(1000).is_err());
                self.0.lock().expect("nobody panics").push(("refused", refused));
            }
        }
    }
    let (log, exception) = unwound(|log| {
        let _uses = Uses(log);
        park();
    });
    assert_eq!(log, [("refused", true); 3]);
    assert!(exception.is_exit());
}

#[test]
fn an_unwinding_that_is_caught_is_raised_again() {
    let (log, exception) = unwound(|log| {
        let caught = catch_unwind(AssertUnwindSafe(|| on_carrier(|| gevent::sleep(1000).is_ok())));
        let refused = on_carrier(|| gevent::sleep(1000).is_err());
        log.lock()
            .expect("nobody panics")
            .extend([("caught", caught.is_err()), ("refused", refused)]);
        park();
        log.lock().expect("nobody panics").push(("not reached", true));
    });
    assert_eq!(log, [("caught", true), ("refused", true)]);
    assert!(exception.is_exit());
}

#[test]
fn destructors_during_a_panic_and_at_the_end_wait_by_the_carrier() {
    struct Waits(Log);
    impl Drop for Waits {
        fn drop(&mut self) {
            let waited = on_carrier(|| gevent::sleep(0.001).is_ok());
            self.0.lock().expect("nobody panics").push(("waited", waited));
        }
    }
    thread_local!(static LAST: RefCell<Option<Waits>> = const { RefCell::new(None) });
    let log = Log::default();
    let (first, second) = (Waits(log.clone()), Waits(log.clone()));
    let thread = spawn(move || {
        LAST.set(Some(first));
        let _second = second;
        resume_unwind(Box::new(1_u32))
    });
    let payload: Result<(), _> = thread.join();
    assert!(payload.expect_err("it panics").is::<u32>());
    assert_eq!(*log.lock().expect("nobody panics"), [("waited", true); 2]);
}

/// Of the carrier's own, as it has an `Rc`.
struct Bound(#[allow(dead_code)] Rc<()>, #[allow(dead_code)] Notes);

#[test]
fn what_is_carried_is_made_used_and_dropped_by_the_carrier() {
    let log = Log::default();
    let theirs = log.clone();
    let thread = spawn(move || {
        let make = |name| {
            let log = theirs.clone();
            Carried::new(move || Bound(Rc::new(()), Notes(name, log)))
        };
        let (dropped, consumed) = (make("dropped"), make("consumed"));
        let count = dropped.with(|bound| Rc::strong_count(&bound.0));
        consumed.consume(drop);
        drop(dropped);
        let _panics = make("by a panic");
        resume_unwind(Box::new(count))
    });
    let payload: Result<(), _> = thread.join();
    assert_eq!(payload.expect_err("it panics").downcast_ref(), Some(&1_usize));
    assert_eq!(
        *log.lock().expect("nobody panics"),
        [("consumed", false), ("dropped", false), ("by a panic", false)]
    );
}

#[test]
fn what_is_carried_is_dropped_by_the_carrier_when_all_is_unwound() {
    thread_local!(static LAST: RefCell<Option<Carried<Bound>>> = const { RefCell::new(None) });
    let (log, exception) = unwound(|log| {
        let others = log.clone();
        LAST.set(Some(Carried::new(move || {
            Bound(Rc::new(()), Notes("thread-local", others))
        })));
        let carried = Carried::new(move || Bound(Rc::new(()), Notes("local", log)));
        carried.with(|_| gevent::sleep(1000).is_ok());
    });
    assert_eq!(log, [("local", false), ("thread-local", false)]);
    assert!(exception.is_exit());
}

#[test]
fn a_destructor_of_something_carried_may_be_unwound() {
    struct Waits(Notes, #[allow(dead_code)] Rc<()>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let refused = gevent::sleep(1000).is_err();
            let log = self.0.1.clone();
            log.lock().expect("nobody panics").push(("refused", refused));
        }
    }
    thread_local!(static LAST: RefCell<Option<Carried<Waits>>> = const { RefCell::new(None) });
    let (log, _) = unwound(|log| {
        LAST.set(Some(Carried::new(move || Waits(Notes("notes", log), Rc::new(())))));
        // Its destructor is parked when the hub ends.
        resume_unwind(Box::new(Exception::new(GreenletExit)))
    });
    assert_eq!(log.last(), Some(&("notes", false)));
}

#[test]
fn outside_of_it_gevent_is_refused_as_before() {
    let thread = spawn(|| {
        on_carrier(|| gevent::sleep(0).expect("there is a hub"));
        let refused = gevent::sleep(0).expect_err("it is refused");
        refused.error().downcast_ref::<GreenletError>().copied()
    });
    assert_eq!(thread.join().ok(), Some(Some(GreenletError::VirtualThread)));
}
