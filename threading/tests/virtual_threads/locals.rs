//! Thread-locals.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gevent_threading::{sleep, spawn, yield_now};
use qcell::{TLCell, TLCellOwner};

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(7) };
    static LAZY: Cell<u32> = Cell::new(fresh());
    static ONCE: OnceCell<u32> = const { OnceCell::new() };
    static NAMES: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

fn fresh() -> u32 {
    // An initialiser that waits: no other thread has this value.
    yield_now();
    NUMBER.get()
}

#[test]
fn each_has_its_own_values() {
    NUMBER.set(1);
    let count = || {
        for _ in 0..10 {
            NUMBER.set(NUMBER.get() + 1);
            yield_now();
        }
        NUMBER.get()
    };
    let threads = [spawn(count), spawn(count), spawn(count)];
    assert_eq!(threads.map(|thread| thread.join().expect("it does not panic")), [17; 3]);
    assert_eq!(NUMBER.get(), 1);
}

#[test]
fn initialisers_run_once_in_each_and_may_wait() {
    let look = |number| {
        move || {
            NUMBER.set(number);
            (LAZY.get(), ONCE.with(|once| *once.get_or_init(fresh)), LAZY.get())
        }
    };
    let threads = [spawn(look(1)), spawn(look(2))];
    let seen = threads.map(|thread| thread.join().expect("it does not panic"));
    assert_eq!(seen, [(1, 1, 1), (2, 2, 2)]);
}

#[test]
fn a_borrow_is_held_over_a_wait() {
    let push = |number| {
        move || {
            NAMES.with_borrow_mut(|names| {
                names.push(number);
                sleep(Duration::from_millis(1));
                names.push(number);
            });
            NAMES.take()
        }
    };
    let threads: Vec<_> = (0..20).map(|number| spawn(push(number))).collect();
    for (number, thread) in (0..20).zip(threads) {
        assert_eq!(thread.join().expect("it does not panic"), [number, number]);
    }
}

struct Logs(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Drop for Logs {
    fn drop(&mut self) {
        self.1.lock().expect("nobody panics").push(self.0);
    }
}

#[test]
fn destructors_run_at_the_end_as_in_a_thread() {
    thread_local! {
        static FIRST: OnceCell<Logs> = const { OnceCell::new() };
        static SECOND: OnceCell<Logs> = const { OnceCell::new() };
    }
    let code = |log: Arc<Mutex<Vec<&'static str>>>| {
        move || {
            FIRST.with(|first| drop(first.set(Logs("first", log.clone()))));
            SECOND.with(|second| drop(second.set(Logs("second", log.clone()))));
            log.lock().expect("nobody panics").push("body");
        }
    };
    let (virtual_log, real_log) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
    spawn(code(virtual_log.clone())).join().expect("it does not panic");
    std::thread::spawn(code(real_log.clone()))
        .join()
        .expect("it does not panic");
    let (virtual_log, real_log) = (virtual_log.lock().expect("free"), real_log.lock().expect("free"));
    assert_eq!(virtual_log.len(), 3);
    assert_eq!(*virtual_log, *real_log);
}

/// Waits when it is destroyed, and uses another thread-local.
struct Waits(Arc<Mutex<Vec<&'static str>>>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.lock().expect("nobody panics").push("begin");
        sleep(Duration::from_millis(1));
        yield_now();
        NUMBER.set(NUMBER.get() + 1);
        self.0
            .lock()
            .expect("nobody panics")
            .push(if NUMBER.get() == 21 { "end" } else { "wrong" });
    }
}

#[test]
fn destructors_may_wait() {
    thread_local!(static WAITS: OnceCell<Waits> = const { OnceCell::new() });
    let log = Arc::<Mutex<Vec<_>>>::default();
    let theirs = log.clone();
    let thread = spawn(move || {
        NUMBER.set(20);
        WAITS.with(|waits| drop(waits.set(Waits(theirs))));
    });
    let others = log.clone();
    let other = spawn(move || {
        while others.lock().expect("nobody panics").is_empty() {
            yield_now();
        }
        others.lock().expect("nobody panics").push("other");
    });
    thread.join().expect("it does not panic");
    other.join().expect("it does not panic");
    // A join returns when the thread-locals are destroyed.
    assert_eq!(*log.lock().expect("nobody panics"), ["begin", "other", "end"]);
}

#[test]
fn a_destructor_may_make_a_thread() {
    struct Makes(Arc<Mutex<Vec<u32>>>);
    impl Drop for Makes {
        fn drop(&mut self) {
            let log = self.0.clone();
            let made = spawn(move || log.lock().expect("nobody panics").push(NUMBER.get()));
            made.join().expect("it does not panic");
            self.0.lock().expect("nobody panics").push(NUMBER.get());
        }
    }
    thread_local!(static MAKES: OnceCell<Makes> = const { OnceCell::new() });
    let log = Arc::<Mutex<Vec<_>>>::default();
    let theirs = log.clone();
    let thread = spawn(move || {
        NUMBER.set(3);
        MAKES.with(|makes| drop(makes.set(Makes(theirs))));
    });
    thread.join().expect("it does not panic");
    assert_eq!(*log.lock().expect("nobody panics"), [7, 3]);
}

#[test]
fn nothing_is_left_for_the_next_thread() {
    for _ in 0..100 {
        let look = || {
            let seen = (
                NUMBER.replace(1),
                LAZY.get(),
                NAMES.with_borrow(Vec::len),
                ONCE.with(|once| once.get().copied()),
            );
            LAZY.set(5);
            ONCE.with(|once| once.set(1)).expect("it is empty");
            NAMES.with_borrow_mut(|names| names.push(1));
            seen
        };
        assert_eq!(spawn(look).join().ok(), Some((7, 1, 0, None)));
    }
}

/// `TLCell` has one owner per thread, and counts on there being no other in the same thread: with two, safe code gets
/// two exclusive references to one value. Nothing that such an owner lends can leave its thread.
#[test]
fn one_owner_per_thread_is_right() {
    struct Marker;
    // In a real thread, and in each virtual one, there is one owner.
    let real = TLCellOwner::<Marker>::new();
    assert!(TLCellOwner::<Marker>::try_new().is_none());
    let own = || {
        let mut owner = TLCellOwner::<Marker>::try_new()?;
        let cell = TLCell::new(1);
        let value = owner.rw(&cell);
        for _ in 0..10 {
            *value += 1;
            yield_now();
        }
        let second = TLCellOwner::<Marker>::try_new();
        assert!(second.is_none());
        Some(*owner.ro(&cell))
    };
    let threads = [spawn(own), spawn(own)];
    assert_eq!(
        threads.map(|thread| thread.join().expect("it does not panic")),
        [Some(11); 2]
    );
    drop(real);
}
