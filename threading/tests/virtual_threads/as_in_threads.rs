//! The same code in a real thread and in a virtual one has the same result.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, panicking};

use gevent_threading::{Builder, spawn, yield_now};

type Log = Arc<Mutex<Vec<&'static str>>>;

/// What a function returns in a new thread of either kind.
fn in_both<T: Debug + PartialEq + Send + 'static>(f: impl FnOnce() -> T + Clone + Send + 'static) -> T {
    let real = thread::spawn(f.clone()).join().expect("it does not panic");
    let virtual_ = spawn(f).join().expect("it does not panic");
    assert_eq!(virtual_, real);
    virtual_
}

/// What has happened when a thread of either kind was joined, which gets a log.
fn logged(f: impl FnOnce(Log) + Clone + Send + 'static) -> Vec<&'static str> {
    let log = |joined: bool, log: Log| {
        log.lock()
            .expect("nobody panics")
            .push(if joined { "joined" } else { "panicked" });
        let log = log.lock().expect("nobody panics");
        log.clone()
    };
    let (real, virtual_) = (Log::default(), Log::default());
    let (theirs, g) = (real.clone(), f.clone());
    let ended = thread::spawn(move || g(theirs)).join();
    let real = log(ended.is_ok(), real);
    let theirs = virtual_.clone();
    let ended = spawn(move || f(theirs)).join();
    let virtual_ = log(ended.is_ok(), virtual_);
    assert_eq!(virtual_, real);
    virtual_
}

struct Logs(&'static str, Log);

impl Drop for Logs {
    fn drop(&mut self) {
        self.1.lock().expect("nobody panics").push(self.0);
    }
}

thread_local! {
    static LAST: RefCell<Vec<Logs>> = const { RefCell::new(Vec::new()) };
    static NUMBER: Cell<u32> = const { Cell::new(1) };
}

#[test]
fn captures_are_dropped_before_thread_locals_and_both_before_a_join() {
    let order = logged(|log| {
        LAST.with_borrow_mut(|last| last.push(Logs("thread-local", log.clone())));
        let captured = Logs("captured", log.clone());
        let f = move || {
            let _local = Logs("local", log);
            let _ = &captured;
        };
        f();
    });
    assert_eq!(order, ["local", "captured", "thread-local", "joined"]);
}

#[test]
fn a_panic_drops_locals_from_the_last_to_the_first_then_thread_locals() {
    let order = logged(|log| {
        LAST.with_borrow_mut(|last| last.push(Logs("thread-local", log.clone())));
        let _first = Logs("first", log.clone());
        let _second = Logs("second", log);
        resume_unwind(Box::new(()))
    });
    assert_eq!(order, ["second", "first", "thread-local", "panicked"]);
}

#[test]
fn a_destroyed_thread_local_is_told() {
    /// Looks at itself when it is destroyed.
    struct Looks(Log);
    thread_local!(static LOOKS: OnceCell<Looks> = const { OnceCell::new() });
    impl Drop for Looks {
        fn drop(&mut self) {
            let gone = LOOKS.try_with(|_| ()).is_err();
            self.0
                .lock()
                .expect("nobody panics")
                .push(if gone { "gone" } else { "there" });
            // One without a destructor is always there.
            let there = NUMBER.try_with(Cell::get).is_ok();
            self.0
                .lock()
                .expect("nobody panics")
                .push(if there { "there" } else { "gone" });
        }
    }
    let order = logged(|log| LOOKS.with(|looks| drop(looks.set(Looks(log)))));
    assert_eq!(order, ["gone", "there", "joined"]);
}

#[test]
fn a_destructor_may_initialise_other_thread_locals() {
    struct Makes(Log);
    thread_local! {
        static MAKES: OnceCell<Makes> = const { OnceCell::new() };
        static MADE: OnceCell<Logs> = const { OnceCell::new() };
    }
    impl Drop for Makes {
        fn drop(&mut self) {
            MADE.with(|made| drop(made.set(Logs("made late", self.0.clone()))));
        }
    }
    let order = logged(|log| MAKES.with(|makes| drop(makes.set(Makes(log)))));
    assert_eq!(order, ["made late", "joined"]);
}

#[test]
fn the_thread_is_known_in_the_destructors_of_thread_locals() {
    struct Asks(Log, thread::ThreadId);
    thread_local!(static ASKS: OnceCell<Asks> = const { OnceCell::new() });
    impl Drop for Asks {
        fn drop(&mut self) {
            let same = thread::current().id() == self.1;
            self.0
                .lock()
                .expect("nobody panics")
                .push(if same { "same" } else { "another" });
        }
    }
    let order = logged(|log| ASKS.with(|asks| drop(asks.set(Asks(log, thread::current().id())))));
    assert_eq!(order, ["same", "joined"]);
}

#[test]
fn thread_locals_are_set_taken_and_replaced() {
    let seen = in_both(|| {
        thread_local!(static TEXT: RefCell<String> = RefCell::new("made".into()));
        let before = (NUMBER.replace(5), TEXT.take());
        TEXT.set("set".into());
        yield_now();
        TEXT.with_borrow_mut(|text| text.push('!'));
        (
            before,
            NUMBER.get(),
            TEXT.replace(String::new()),
            NUMBER.take(),
            NUMBER.get(),
        )
    });
    assert_eq!(seen, ((1, "made".into()), 5, "set!".into(), 5, 0));
}

#[test]
fn panics_are_caught_and_counted() {
    struct Asks<'a>(&'a Cell<bool>);
    impl Drop for Asks<'_> {
        fn drop(&mut self) {
            // One may panic and catch it while another one is under way.
            let inner = catch_unwind(|| resume_unwind(Box::new(2))).is_err();
            yield_now();
            self.0.set(inner && panicking());
        }
    }
    let seen = in_both(|| {
        let during = Cell::new(false);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _asks = Asks(&during);
            resume_unwind(Box::new(1))
        }));
        let payload = caught.map_err(|payload| payload.downcast::<i32>().map(|number| *number).ok());
        (payload, during.get(), panicking())
    });
    assert_eq!(seen, (Err(Some(1)), true, false));
}

#[test]
fn payloads_of_any_type_come_to_the_joiner() {
    #[derive(Debug, PartialEq)]
    struct Mine(String);
    let fall = || panic_any(Mine("text".into()));
    let payloads = [thread::spawn(fall).join(), spawn(fall).join()];
    for payload in payloads {
        let payload: Result<(), _> = payload;
        let payload = payload.expect_err("it panics").downcast::<Mine>().expect("it is mine");
        assert_eq!(*payload, Mine("text".into()));
    }
}

#[test]
fn a_stack_is_as_large_as_asked() {
    #[inline(never)]
    fn dig(depth: usize) -> usize {
        let frame = std::hint::black_box([1_u8; 1024]);
        match depth {
            0 => 0,
            _ => dig(depth - 1) + usize::from(frame[depth % 1024]),
        }
    }
    const SIZE: usize = 16 << 20;
    let dig = || dig(SIZE / 4096);
    let real = thread::Builder::new().stack_size(SIZE).spawn(dig);
    let virtual_ = Builder::new().stack_size(SIZE).spawn(dig);
    let (real, virtual_) = (real.expect("it begins").join(), virtual_.expect("it begins").join());
    assert_eq!((real.ok(), virtual_.ok()), (Some(SIZE / 4096), Some(SIZE / 4096)));
}

#[test]
fn what_a_thread_has_done_is_seen_by_its_joiner() {
    let counted = in_both(|| {
        let number = Arc::new(Mutex::new(0));
        let adders: Vec<_> = (0..5)
            .map(|_| {
                let number = number.clone();
                thread::spawn(move || *number.lock().expect("nobody panics") += 1)
            })
            .collect();
        adders
            .into_iter()
            .for_each(|adder| adder.join().expect("it does not panic"));
        Arc::into_inner(number).and_then(|number| number.into_inner().ok())
    });
    assert_eq!(counted, Some(5));
}
