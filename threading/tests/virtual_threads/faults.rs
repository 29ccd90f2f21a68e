//! Programs that are wrong in plain greenlets, as these share the thread-locals of their thread, and right in virtual
//! threads: [soundness.md] lists the kinds.
//!
//! [soundness.md]: ../../../docs/soundness.md#what-is-not-promised

use std::cell::{Cell, OnceCell, RefCell};
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gevent_threading::{JoinHandle, current, park, sleep, spawn, yield_now};

fn join_all<T>(threads: impl IntoIterator<Item = JoinHandle<T>>) -> Vec<T> {
    let join = |thread: JoinHandle<T>| thread.join().expect("it does not panic");
    threads.into_iter().map(join).collect()
}

/// An initialiser waits, and another thread initialises and borrows the same thread-local meanwhile.
#[test]
fn an_initialiser_that_waits_replaces_nobodys_value() {
    static FIRST: Mutex<bool> = Mutex::new(true);
    thread_local!(static VALUE: Vec<u8> = {
        let first = std::mem::take(&mut *FIRST.lock().expect("nobody panics"));
        if first {
            sleep(Duration::from_millis(2));
        }
        vec![7; 4096]
    });
    for _ in 0..20 {
        *FIRST.lock().expect("nobody panics") = true;
        let slow = spawn(|| VALUE.with(|value| value[0]));
        let quick = spawn(|| {
            VALUE.with(|value| {
                let value: &[u8] = value;
                let before = value[20];
                sleep(Duration::from_millis(5));
                let other = black_box(vec![9_u8; 4096]);
                (before + value[20] + other[0]) / 3
            })
        });
        assert_eq!(join_all([slow, quick]), [7, (7 + 7 + 9) / 3]);
    }
}

scoped_tls::scoped_thread_local!(static SCOPED: Vec<u8>);

/// Two scopes of `scoped-tls` do not end in the reverse order of their beginning.
#[test]
fn scoped_values_end_in_any_order() {
    let b = Arc::new(Mutex::new(None));
    let theirs = b.clone();
    // `a` begins first, and ends while `b` is inside of its scope.
    let a = spawn(move || {
        let ours = vec![7; 4096];
        SCOPED.set(&ours, || {
            park();
            SCOPED.with(|value| value[20])
        })
    });
    let a_handle = a.thread().clone();
    let other = spawn(move || {
        let ours = vec![8; 4096];
        *theirs.lock().expect("nobody panics") = Some(current());
        assert!(!SCOPED.is_set());
        let seen = SCOPED.set(&ours, || {
            a_handle.unpark();
            let of_a = a.join().expect("it does not panic");
            (of_a, SCOPED.with(|value| value[20]))
        });
        (seen, SCOPED.is_set())
    });
    assert_eq!(other.join().ok(), Some(((7, 8), false)));
    assert!(!SCOPED.is_set());
}

/// A connection that is kept for the thread, as clients of databases keep one: a request and its answer belong
/// together, and its owner waits between them.
#[test]
fn a_connection_of_the_thread_is_used_by_one_thread() {
    /// Answers in the order of the requests, to whoever reads.
    struct Connection {
        requests: Vec<u32>,
        is_busy: bool,
    }

    impl Connection {
        fn ask(&mut self, question: u32) -> u32 {
            assert!(
                !std::mem::replace(&mut self.is_busy, true),
                "another one waits for its answer"
            );
            self.requests.push(question);
            yield_now();
            self.is_busy = false;
            self.requests.remove(0) * 2
        }
    }

    thread_local! {
        static OPEN: Cell<u32> = const { Cell::new(0) };
        static CONNECTION: RefCell<OnceCell<Connection>> = const { RefCell::new(OnceCell::new()) };
    }

    let ask = |question| {
        CONNECTION.with(|connection| {
            let mut connection = connection.borrow_mut();
            if connection.get().is_none() {
                // It takes a while to connect.
                yield_now();
                OPEN.set(OPEN.get() + 1);
                let new = Connection {
                    requests: Vec::new(),
                    is_busy: false,
                };
                assert!(connection.set(new).is_ok());
            }
            connection.get_mut().expect("it is open").ask(question)
        })
    };
    let client = |number: u32| {
        spawn(move || {
            (
                (0..50).all(|n| ask(100 * number + n) == 2 * (100 * number + n)),
                OPEN.get(),
            )
        })
    };
    let all = join_all((0..20).map(client).collect::<Vec<_>>());
    assert_eq!(all, [(true, 1); 20]);
}
