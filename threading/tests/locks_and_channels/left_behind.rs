//! Carriers that just return, and leave virtual threads behind that wait. Others get what these were to get.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel as std_channel};
use std::thread;

use gevent_threading::sync::mpsc::sync_channel;
use gevent_threading::sync::{Arc, Barrier, Condvar, Mutex, RwLock};
use gevent_threading::{Builder, JoinHandle, park, spawn, yield_now};
use greenlet_core::Exception;

use crate::team::{Carrier, bounded, until};

/// A real thread that makes a virtual one, has it wait, and returns without it.
struct Leaves {
    thread: thread::JoinHandle<()>,
    /// Each message lets the virtual thread go on until it waits again. Their end is the carrier's.
    turns: Sender<()>,
    is_done: Receiver<()>,
}

impl Leaves {
    /// Returns when the virtual thread waits.
    fn behind(wait: impl FnOnce() + Send + 'static) -> Leaves {
        let (turns, turn) = std_channel::<()>();
        let (done, is_done) = std_channel();
        let thread = thread::spawn(move || {
            let begun = Arc::new(AtomicBool::new(false));
            let begins = begun.clone();
            spawn(move || {
                begins.store(true, Ordering::Relaxed);
                wait();
            });
            until(|| begun.load(Ordering::Relaxed));
            done.send(()).expect("it is received");
            // This does not let the virtual thread go on.
            for () in turn {
                (0..5).for_each(|_| yield_now());
                done.send(()).expect("it is received");
            }
        });
        is_done.recv().expect("it waits");
        Leaves { thread, turns, is_done }
    }

    fn goes_on(&self) {
        self.turns.send(()).expect("it is received");
        self.is_done.recv().expect("it has gone on");
    }

    fn ends(self) {
        drop(self.turns);
        self.thread.join().expect("it does not panic");
    }
}

/// Has a virtual thread of another carrier wait.
fn waits(carrier: &Carrier, wait: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let begun = Arc::new(AtomicBool::new(false));
    let begins = begun.clone();
    let thread = carrier.spawn(Builder::new(), move || {
        begins.store(true, Ordering::Relaxed);
        wait();
    });
    until(|| begun.load(Ordering::Relaxed));
    // Its carrier does something else again, so it waits.
    carrier.run(|| ());
    thread
}

/// What two threads wait for, and what lets one of them go on.
struct Case<C> {
    first: Box<dyn FnOnce() + Send>,
    second: Box<dyn FnOnce() + Send>,
    call: C,
}

/// The first one is left behind, and the second one goes on: whether the carrier of the first one ends before
/// something calls it, or between that and the moment in which it would have noticed.
fn passes_on<C: FnOnce() + 'static>(make: fn() -> Case<C>) {
    for is_called in [false, true] {
        bounded("the next one", move || {
            let Case { first, second, call } = make();
            let carrier = Carrier::new();
            let first = Leaves::behind(first);
            let second = waits(&carrier, second);
            if is_called {
                call();
                first.ends();
            } else {
                first.ends();
                call();
            }
            second.join().expect("it does not panic");
        });
    }
}

/// Something that is never dropped, like the stacks that refer to it.
fn kept<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

#[test]
fn a_mutex() {
    passes_on(|| {
        let mutex = kept(Mutex::new(()));
        let guard = mutex.lock().expect("nobody panics");
        Case {
            first: Box::new(|| drop(mutex.lock())),
            second: Box::new(|| drop(mutex.lock())),
            call: || drop(guard),
        }
    });
}

/// Once a waiter was overtaken, the lock is handed over to it.
#[test]
fn a_mutex_that_is_handed_over() {
    bounded("the next one", || {
        let mutex = kept(Mutex::new(()));
        let guard = mutex.lock().expect("nobody panics");
        let carrier = Carrier::new();
        let first = Leaves::behind(|| drop(mutex.lock()));
        drop(guard);
        let overtakes = mutex.lock().expect("nobody panics");
        first.goes_on();
        let second = waits(&carrier, || drop(mutex.lock()));
        drop(overtakes);
        assert!(mutex.try_lock().is_err(), "it was handed over");
        first.ends();
        second.join().expect("it does not panic");
    });
}

#[test]
fn a_lock_of_a_writer() {
    passes_on(|| {
        let lock = kept(RwLock::new(()));
        let guard = lock.read().expect("nobody panics");
        Case {
            first: Box::new(|| drop(lock.write())),
            second: Box::new(|| drop(lock.read())),
            call: || drop(guard),
        }
    });
}

#[test]
fn a_lock_of_a_reader() {
    passes_on(|| {
        let lock = kept(RwLock::new(()));
        let guard = lock.write().expect("nobody panics");
        Case {
            first: Box::new(|| drop(lock.read())),
            second: Box::new(|| drop(lock.write())),
            call: || drop(guard),
        }
    });
}

/// Readers stand behind a writer that is left behind.
#[test]
fn readers_do_not_wait_for_a_writer_that_is_gone() {
    bounded("a reader", || {
        let lock = kept(RwLock::new(()));
        let guard = lock.read().expect("nobody panics");
        let carrier = Carrier::new();
        let first = Leaves::behind(|| drop(lock.write()));
        let second = waits(&carrier, || drop(lock.read()));
        first.ends();
        second.join().expect("it does not panic");
        drop(guard);
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn a_notification() {
    passes_on(|| {
        let (mutex, changed) = kept((Mutex::new(()), Condvar::new()));
        let wait = || drop(changed.wait(mutex.lock().expect("nobody panics")));
        Case {
            first: Box::new(wait),
            second: Box::new(wait),
            call: || changed.notify_one(),
        }
    });
}

/// It has noticed the notification, and waits for the mutex.
#[test]
fn a_notification_without_its_mutex() {
    bounded("the next one", || {
        let (mutex, changed) = kept((Mutex::new(()), Condvar::new()));
        let wait = || drop(changed.wait(mutex.lock().expect("nobody panics")));
        let carrier = Carrier::new();
        let first = Leaves::behind(wait);
        let second = waits(&carrier, wait);
        let guard = mutex.lock().expect("nobody panics");
        changed.notify_one();
        first.goes_on();
        first.ends();
        drop(guard);
        second.join().expect("it does not panic");
    });
}

#[test]
fn room_in_a_channel() {
    passes_on(|| {
        let (send, receive) = sync_channel(1);
        send.send(1).expect("there is room");
        let other = send.clone();
        Case {
            first: Box::new(move || _ = send.send(2)),
            second: Box::new(move || other.send(3).expect("it is received")),
            call: move || assert_eq!(kept(receive).recv(), Ok(1)),
        }
    });
}

#[test]
fn a_message_that_was_to_be_handed_over_is_received() {
    bounded("a receiver", || {
        let (send, receive) = sync_channel(0);
        let other = send.clone();
        Leaves::behind(move || _ = send.send(1)).ends();
        assert_eq!(receive.recv(), Ok(1));
        assert!(other.try_send(2).is_err(), "nobody waits for it");
    });
}

#[test]
fn a_barrier_waits_for_another_one() {
    bounded("a barrier", || {
        let barrier = kept(Barrier::new(2));
        let carrier = Carrier::new();
        Leaves::behind(|| _ = barrier.wait()).ends();
        let second = waits(&carrier, || assert!(!barrier.wait().is_leader()));
        assert!(!second.is_finished());
        assert!(barrier.wait().is_leader());
        second.join().expect("it does not panic");
    });
}

/// Several of the same carrier are in the line, so one that is left behind calls another one that is.
#[test]
fn many_of_one_carrier() {
    for is_called in [false, true] {
        bounded("the next one", move || {
            let mutex = kept(Mutex::new(0));
            let guard = mutex.lock().expect("nobody panics");
            let carrier = Carrier::new();
            let first = Leaves::behind(|| {
                for _ in 0..10 {
                    spawn(|| drop(mutex.lock()));
                }
                drop(mutex.lock());
            });
            first.goes_on();
            let second = waits(&carrier, || *mutex.lock().expect("nobody panics") += 1);
            if is_called {
                drop(guard);
                first.ends();
            } else {
                first.ends();
                drop(guard);
            }
            second.join().expect("it does not panic");
            assert_eq!(mutex.lock().map(|value| *value).ok(), Some(1));
        });
    }
}

/// Whoever joins one that is left behind is told, whether he waits already or not.
#[test]
fn a_join() {
    bounded("a join", || {
        let (send, receive) = std_channel();
        let first = Leaves::behind(move || {
            for _ in 0..2 {
                let thread = spawn(park);
                send.send(thread).expect("it is received");
            }
            park();
        });
        first.goes_on();
        let (early, late) = (receive.recv().expect("sent"), receive.recv().expect("sent"));
        let carrier = Carrier::new();
        let is_told = |thread: JoinHandle<()>| {
            let payload = thread.join().expect_err("it never ends");
            assert!(payload.is::<Exception>());
        };
        let joiner = waits(&carrier, move || is_told(early));
        assert!(!joiner.is_finished() && !late.is_finished());
        first.ends();
        joiner.join().expect("it does not panic");
        is_told(late);
    });
}

/// Carriers come and go, with threads that wait for the same as threads that stay. These get on.
#[test]
fn whoever_stays_gets_on() {
    const CARRIERS: u32 = 60;
    bounded("carriers", || {
        let (mutex, changed) = kept((Mutex::new(0_u64), Condvar::new()));
        let lock = kept(RwLock::new(0_u64));
        let (send, receive) = sync_channel(2);
        let stays = move || {
            *mutex.lock().expect("nobody panics") += 1;
            changed.notify_one();
            *lock.write().expect("nobody panics") += 1;
            drop(lock.read());
        };
        let goes = move |number: u32| {
            let send = send.clone();
            move || {
                loop {
                    match number % 4 {
                        0 => drop(changed.wait(mutex.lock().expect("nobody panics"))),
                        1 => drop(lock.read()),
                        2 => drop(lock.write()),
                        _ => send.send(()).expect("it is received"),
                    }
                    yield_now();
                }
            }
        };
        let ended = Arc::new(AtomicBool::new(false));
        let sees = ended.clone();
        let stayed = thread::spawn(move || {
            while !sees.load(Ordering::Relaxed) {
                stays();
                let _ = receive.try_recv();
                thread::yield_now();
            }
        });
        for carrier in 0..CARRIERS {
            let goes = goes.clone();
            let carrier = thread::spawn(move || {
                (0..8).for_each(|number| drop::<JoinHandle<()>>(spawn(goes(number))));
                (0..carrier % 7).for_each(|_| yield_now());
            });
            carrier.join().expect("it does not panic");
        }
        ended.store(true, Ordering::Relaxed);
        stayed.join().expect("it does not panic");
        assert!(mutex.try_lock().is_ok() && lock.try_write().is_ok());
    });
}
