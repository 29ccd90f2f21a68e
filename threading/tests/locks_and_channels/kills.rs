//! A virtual thread that is killed while it waits has nothing, and what it was to get goes to the next one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use gevent_threading::sync::mpsc::{SyncSender, TryRecvError, channel, sync_channel};
use gevent_threading::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, OnceLock, RwLock};
use gevent_threading::{JoinHandle, spawn, yield_now};
use greenlet_core::Exception;

use crate::team::{bounded, fall, kill, until, where_there_are_kills};

/// Set by a victim before it waits.
#[derive(Clone, Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn wait(&self) {
        until(|| self.0.load(Ordering::Acquire));
    }
}

/// Whether a thread was killed.
fn is_killed<T>(thread: JoinHandle<T>) -> bool {
    let payload = thread.join().err().expect("it is killed");
    payload.downcast_ref::<Exception>().expect("it was thrown").is_exit()
}

#[test]
fn a_mutex_goes_to_the_next() {
    where_there_are_kills(|team| {
        let (mutex, flag) = (Arc::new(Mutex::new(0)), Flag::default());
        let (theirs, says) = (mutex.clone(), flag.clone());
        let guard = mutex.lock().expect("nobody panics");
        let victim = team.victim(move || {
            says.set();
            *theirs.lock().expect("nobody has panicked") += 100;
        });
        team.beside_victim(move || flag.wait());
        let theirs = mutex.clone();
        let next = team.spawn(move || *theirs.lock().expect("nobody has panicked") += 1);
        yield_now();
        team.beside_victim(kill);
        assert!(is_killed(victim));
        drop(guard);
        next.value();
        assert_eq!(mutex.lock().map(|value| *value).ok(), Some(1));
    });
}

/// The lock is unlocked after its waiter was killed, which is unwound when all run again: by then it was called, too.
/// All is of one carrier.
#[test]
fn a_mutex_goes_to_the_next_if_its_waiter_was_called_already() {
    bounded("called", || {
        for overtaken in [false, true] {
            let mutex = Arc::new(Mutex::new(0));
            let theirs = mutex.clone();
            let mut guard = mutex.lock().expect("nobody panics");
            let victim = gevent_threading::Builder::new().name("victim".into()).spawn(move || {
                *theirs.lock().expect("nobody has panicked") += 100;
            });
            let victim = victim.expect("it begins");
            yield_now();
            let theirs = mutex.clone();
            let next = spawn(move || *theirs.lock().expect("nobody has panicked") += 1);
            yield_now();
            if overtaken {
                drop(guard);
                guard = mutex.lock().expect("it is free");
                yield_now();
                yield_now();
            }
            kill();
            drop(guard);
            assert!(is_killed(victim));
            next.join().expect("it does not panic");
            assert_eq!(mutex.lock().map(|value| *value).ok(), Some(1));
            assert!(mutex.try_lock().is_ok());
        }
    });
}

#[test]
fn readers_behind_a_writer_get_in() {
    where_there_are_kills(|team| {
        let (lock, flag) = (Arc::new(RwLock::new(0)), Flag::default());
        let reads = lock.read().expect("nobody panics");
        let (theirs, says) = (lock.clone(), flag.clone());
        let victim = team.victim(move || {
            says.set();
            *theirs.write().expect("nobody has panicked") += 1;
        });
        let waits = flag.clone();
        team.beside_victim(move || waits.wait());
        // These come behind the writer.
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let lock = lock.clone();
                team.spawn(move || *lock.read().expect("nobody has panicked"))
            })
            .collect();
        assert!(lock.try_read().is_err());
        yield_now();
        team.beside_victim(kill);
        assert!(is_killed(victim));
        assert!(readers.into_iter().all(|reader| reader.value() == 0));
        drop(reads);
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn a_lock_goes_to_the_next_if_its_waiter_was_called_already() {
    bounded("called", || {
        for writes in [false, true] {
            let lock = Arc::new(RwLock::new(0));
            let guard = lock.write().expect("nobody panics");
            let theirs = lock.clone();
            let victim = gevent_threading::Builder::new()
                .name("victim".into())
                .spawn(move || match writes {
                    true => *theirs.write().expect("nobody has panicked") += 100,
                    false => drop(theirs.read().expect("nobody has panicked")),
                });
            let victim = victim.expect("it begins");
            yield_now();
            let theirs = lock.clone();
            let next = spawn(move || *theirs.write().expect("nobody has panicked") += 1);
            yield_now();
            kill();
            drop(guard);
            assert!(is_killed(victim));
            next.join().expect("it does not panic");
            assert_eq!(lock.try_write().map(|value| *value).ok(), Some(1));
        }
    });
}

#[test]
fn a_notification_goes_to_the_next() {
    bounded("called", || {
        let pair = Arc::new((Mutex::new(()), Condvar::new()));
        let waiter = |name: &str| {
            let pair = pair.clone();
            let thread = gevent_threading::Builder::new().name(name.into()).spawn(move || {
                drop(pair.1.wait(pair.0.lock().expect("nobody has panicked")));
            });
            yield_now();
            thread.expect("it begins")
        };
        let (victim, other) = (waiter("victim"), waiter("other"));
        kill();
        pair.1.notify_one();
        assert!(is_killed(victim));
        other.join().expect("it does not panic");
        // Also if it has begun to wait for the mutex.
        let (victim, other) = (waiter("victim"), waiter("other"));
        let guard = pair.0.lock().expect("nobody has panicked");
        pair.1.notify_one();
        yield_now();
        yield_now();
        kill();
        drop(guard);
        assert!(is_killed(victim));
        other.join().expect("it does not panic");
        assert!(!pair.0.is_poisoned() && pair.0.try_lock().is_ok());
    });
}

#[test]
fn a_wait_for_a_notification_ends_without_the_mutex() {
    where_there_are_kills(|team| {
        let (pair, flag) = (Arc::new((Mutex::new(()), Condvar::new())), Flag::default());
        let (theirs, says) = (pair.clone(), flag.clone());
        let victim = team.victim(move || {
            let guard = theirs.0.lock().expect("nobody has panicked");
            says.set();
            drop(theirs.1.wait(guard));
        });
        let waits = flag.clone();
        team.beside_victim(move || waits.wait());
        // It could not get it.
        let guard = pair.0.lock().expect("nobody has panicked");
        team.beside_victim(kill);
        assert!(is_killed(victim));
        drop(guard);
        assert!(!pair.0.is_poisoned());
    });
}

#[test]
fn a_barrier_waits_for_another_one() {
    where_there_are_kills(|team| {
        let (barrier, flag) = (Arc::new(Barrier::new(2)), Flag::default());
        let (theirs, says) = (barrier.clone(), flag.clone());
        let victim = team.victim(move || {
            says.set();
            theirs.wait();
        });
        let waits = flag.clone();
        team.beside_victim(move || {
            waits.wait();
            kill();
        });
        assert!(is_killed(victim));
        let pass = || {
            let barrier = barrier.clone();
            team.spawn(move || barrier.wait().is_leader())
        };
        let passed = [pass(), pass()].map(|member| member.value());
        assert_ne!(passed[0], passed[1]);
    });
}

#[test]
fn whoever_makes_a_value_and_is_killed_has_panicked() {
    where_there_are_kills(|team| {
        let (cell, flag) = (Arc::new(OnceLock::new()), Flag::default());
        let (theirs, says) = (cell.clone(), flag.clone());
        let victim = team.victim(move || {
            *theirs.get_or_init(|| {
                says.set();
                gevent_threading::sleep(Duration::from_secs(10_000));
                1
            })
        });
        let waits = flag.clone();
        team.beside_victim(move || waits.wait());
        let theirs = cell.clone();
        let next = team.spawn(move || *theirs.get_or_init(|| 2));
        yield_now();
        team.beside_victim(kill);
        assert!(is_killed(victim));
        assert_eq!(next.value(), 2);
    });
}

#[test]
fn whoever_waits_for_a_value_and_is_killed_harms_nobody() {
    where_there_are_kills(|team| {
        let go = Flag::default();
        let waits = go.clone();
        let lazy = Arc::new(LazyLock::new(move || {
            waits.wait();
            5
        }));
        let (makes, begun) = (lazy.clone(), Flag::default());
        let says = begun.clone();
        let maker = team.spawn(move || {
            says.set();
            **makes
        });
        begun.wait();
        yield_now();
        let (theirs, flag) = (lazy.clone(), Flag::default());
        let says = flag.clone();
        let victim = team.victim(move || {
            says.set();
            **theirs
        });
        team.beside_victim(move || {
            flag.wait();
            // If this comes so early that the victim makes the value itself, it is killed in the function.
            kill();
        });
        let killed = victim.join().is_err();
        go.set();
        let made = maker.join();
        assert!(killed);
        assert!(made.is_err() || made.is_ok_and(|value| value == 5));
    });
}

#[test]
fn a_value_stays_in_the_channel() {
    bounded("called", || {
        for bound in [1, 0] {
            let (send, receive) = sync_channel(bound);
            let receive = Arc::new(Mutex::new(receive));
            let theirs = receive.clone();
            let victim = gevent_threading::Builder::new()
                .name("victim".into())
                .spawn(move || theirs.lock().expect("nobody has panicked").recv());
            let victim = victim.expect("it begins");
            yield_now();
            kill();
            send.try_send(1).expect("a receiver waits, or there is room");
            assert!(is_killed(victim));
            receive.clear_poison();
            assert_eq!(receive.lock().expect("it was cleared").try_recv(), Ok(1));
        }
    });
}

#[test]
fn a_receiver_that_is_killed_can_receive_again() {
    where_there_are_kills(|team| {
        let (send, receive) = channel();
        let flag = Flag::default();
        let says = flag.clone();
        let victim = team.victim(move || {
            says.set();
            let killed = catch_unwind(AssertUnwindSafe(|| receive.recv())).is_err();
            (killed, receive.recv())
        });
        team.beside_victim(move || {
            flag.wait();
            kill();
        });
        send.send(3).expect("it is received");
        assert_eq!(victim.join().expect("it has caught it"), (true, Ok(3)));
    });
}

#[test]
fn room_in_a_channel_goes_to_the_next() {
    bounded("called", || {
        let (send, receive) = sync_channel(1);
        send.send(0).expect("there is room");
        let sender = |name: &str, number| {
            let send = send.clone();
            let thread = gevent_threading::Builder::new()
                .name(name.into())
                .spawn(move || send.send(number));
            yield_now();
            thread.expect("it begins")
        };
        let (victim, other) = (sender("victim", 1), sender("other", 2));
        kill();
        assert_eq!(receive.try_recv(), Ok(0));
        assert!(is_killed(victim));
        assert_eq!(other.join().expect("it does not panic"), Ok(()));
        assert_eq!(receive.try_recv(), Ok(2));
        assert_eq!(receive.try_recv(), Err(TryRecvError::Empty));
    });
}

/// A value that uses its channel when it is dropped.
struct Tells(SyncSender<Tells>, Arc<AtomicU32>);

impl Drop for Tells {
    fn drop(&mut self) {
        drop(self.0.clone());
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_value_of_a_killed_sender_is_dropped_and_not_received() {
    where_there_are_kills(|team| {
        for bound in [0, 1] {
            let dropped = Arc::new(AtomicU32::new(0));
            let (send, receive) = sync_channel(bound);
            for _ in 0..bound {
                send.send(Tells(send.clone(), dropped.clone())).expect("there is room");
            }
            let (theirs, value, flag) = (send.clone(), Tells(send.clone(), dropped.clone()), Flag::default());
            let says = flag.clone();
            let victim = team.victim(move || {
                says.set();
                theirs.send(value).is_ok()
            });
            team.beside_victim(move || {
                flag.wait();
                kill();
            });
            assert!(is_killed(victim));
            assert_eq!(dropped.load(Ordering::Relaxed), 1);
            assert_eq!(receive.try_iter().count(), bound);
        }
    });
}

#[test]
fn a_destructor_that_runs_by_a_panic_gets_its_lock_all_the_same() {
    struct Adds(Arc<Mutex<u32>>, Flag);
    impl Drop for Adds {
        fn drop(&mut self) {
            self.1.set();
            *self.0.lock().expect("nobody panics while holding it") += 1;
        }
    }
    where_there_are_kills(|team| {
        let (mutex, flag) = (Arc::new(Mutex::new(0)), Flag::default());
        let guard = mutex.lock().expect("nobody panics");
        let adds = Adds(mutex.clone(), flag.clone());
        let victim = team.victim(move || {
            let _adds = adds;
            fall()
        });
        team.beside_victim(move || {
            flag.wait();
            // It cannot be raised there.
            kill();
        });
        drop(guard);
        assert!(victim.join().is_err_and(|payload| payload.is::<&str>()));
        assert_eq!(mutex.lock().map(|value| *value).ok(), Some(1));
    });
}
