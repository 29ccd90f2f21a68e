//! A virtual thread that waits does not stop the others of its carrier.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use gevent_threading::sync::mpsc::{channel, sync_channel};
use gevent_threading::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock};
use gevent_threading::{Builder, yield_now};

use crate::team::{Carrier, bounded};

/// Has a virtual thread wait, until another one beside it has gone on for a while; then a real thread ends the wait.
fn goes_on(wait: impl FnOnce() + Send + 'static, end: impl FnOnce() + Send + 'static) {
    bounded("a ticker", move || {
        let carrier = Carrier::new();
        let ticks = Arc::new(AtomicU32::new(0));
        let waiter = carrier.spawn(Builder::new(), wait);
        let theirs = ticks.clone();
        let ticker = carrier.spawn(Builder::new(), move || {
            for _ in 0..20 {
                theirs.fetch_add(1, Ordering::Relaxed);
                yield_now();
            }
        });
        while ticks.load(Ordering::Relaxed) < 20 {
            thread::yield_now();
        }
        assert!(!waiter.is_finished());
        end();
        ticker.join().expect("it does not panic");
        waiter.join().expect("it does not panic");
    });
}

#[test]
fn beside_one_that_waits_for_a_mutex() {
    bounded("its holder", || {
        let mutex = Arc::new(Mutex::new(()));
        let theirs = mutex.clone();
        thread::scope(|s| {
            let (locked, is_locked) = std::sync::mpsc::channel();
            let (end, ended) = std::sync::mpsc::channel::<()>();
            s.spawn(move || {
                let _guard = mutex.lock().expect("nobody panics");
                locked.send(()).expect("it is received");
                let _ = ended.recv();
            });
            is_locked.recv().expect("it is sent");
            goes_on(move || drop(theirs.lock()), move || drop(end));
        });
    });
}

#[test]
fn beside_ones_that_wait_for_a_lock() {
    for writes in [false, true] {
        bounded("its holder", move || {
            let lock = Arc::new(RwLock::new(()));
            let theirs = lock.clone();
            thread::scope(|s| {
                let (locked, is_locked) = std::sync::mpsc::channel();
                let (end, ended) = std::sync::mpsc::channel::<()>();
                s.spawn(move || {
                    let _guard = lock.write().expect("nobody panics");
                    locked.send(()).expect("it is received");
                    let _ = ended.recv();
                });
                is_locked.recv().expect("it is sent");
                let wait = move || match writes {
                    true => drop(theirs.write()),
                    false => drop(theirs.read()),
                };
                goes_on(wait, move || drop(end));
            });
        });
    }
}

#[test]
fn beside_one_that_waits_for_a_notification() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let theirs = pair.clone();
    let wait = move || {
        drop(
            theirs
                .1
                .wait_while(theirs.0.lock().expect("nobody panics"), |is_set| !*is_set),
        )
    };
    goes_on(wait, move || {
        *pair.0.lock().expect("nobody panics") = true;
        pair.1.notify_one();
    });
}

#[test]
fn beside_one_that_waits_at_a_barrier() {
    let barrier = Arc::new(Barrier::new(2));
    let theirs = barrier.clone();
    goes_on(move || _ = theirs.wait(), move || _ = barrier.wait());
}

#[test]
fn beside_ones_that_wait_for_what_is_made_once() {
    let once = Arc::new(Once::new());
    let theirs = once.clone();
    goes_on(move || theirs.wait(), move || once.call_once(|| ()));
    let cell = Arc::new(OnceLock::new());
    let theirs = cell.clone();
    goes_on(
        move || assert_eq!(*theirs.wait(), 1),
        move || cell.set(1).expect("it is empty"),
    );
}

#[test]
fn beside_one_that_waits_for_a_lazy_value() {
    bounded("its maker", || {
        let (begun, is_begun) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let lazy = Arc::new(LazyLock::new(move || {
            begun.send(()).expect("it is received");
            let _ = ended.recv();
            7
        }));
        let makes = lazy.clone();
        let maker = thread::spawn(move || **makes);
        is_begun.recv().expect("it is sent");
        goes_on(move || assert_eq!(**lazy, 7), move || drop(end));
        assert_eq!(maker.join().expect("it does not panic"), 7);
    });
}

#[test]
fn beside_ones_that_receive_and_send() {
    let (send, receive) = channel();
    goes_on(
        move || assert_eq!(receive.recv(), Ok(1)),
        move || send.send(1).expect("it is received"),
    );
    for bound in [0, 1] {
        let (send, receive) = sync_channel(bound);
        (0..bound).for_each(|_| send.send(1).expect("there is room"));
        let wait = move || send.send(2).expect("it is received");
        goes_on(wait, move || assert_eq!(receive.iter().count(), bound + 1));
    }
}
