//! Waits at the end of a hub, and after it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gevent_threading::sync::mpsc::channel;
use gevent_threading::sync::{Arc, Mutex, RwLock};
use gevent_threading::{JoinHandle, park, sleep, spawn, yield_now};
use greenlet_core::Exception;

use crate::team::bounded;

/// Takes a lock in its destructor.
struct Locks(Arc<Mutex<u32>>, Arc<AtomicBool>);

impl Drop for Locks {
    fn drop(&mut self) {
        self.1.store(true, Ordering::Release);
        *self.0.lock().expect("nobody panics while holding it") += 1;
    }
}

#[test]
fn waits_are_unwound_with_their_hub() {
    bounded("a hub", || {
        let mutex = Arc::new(Mutex::new(0));
        let (send, receive) = channel::<()>();
        let guard = mutex.lock().expect("nobody panics");
        let theirs = mutex.clone();
        let ended = hub::run(move || {
            let threads = (spawn(move || drop(theirs.lock())), spawn(move || _ = receive.recv()));
            yield_now();
            threads
        });
        let (locks, receives) = ended.expect("a main greenlet");
        let is_exit = |ended: thread::Result<()>| {
            let payload = ended.expect_err("it is unwound");
            payload
                .downcast::<Exception>()
                .is_ok_and(|exception| exception.is_exit())
        };
        assert!(is_exit(locks.join()) && is_exit(receives.join()));
        drop(guard);
        assert!(send.send(()).is_err());
        assert!(mutex.try_lock().is_ok());
    });
}

#[test]
fn a_destructor_that_cannot_park_any_more_waits_for_other_threads() {
    bounded("a hub", || {
        let (mutex, begun) = (Arc::new(Mutex::new(0)), Arc::new(AtomicBool::new(false)));
        let (theirs, sees) = (mutex.clone(), begun.clone());
        let (locked, is_locked) = std::sync::mpsc::channel();
        let holder = thread::spawn(move || {
            let mut value = theirs.lock().expect("nobody panics");
            locked.send(()).expect("it is received");
            while !sees.load(Ordering::Acquire) {
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(5));
            *value += 10;
        });
        is_locked.recv().expect("it is sent");
        let locks = Locks(mutex.clone(), begun);
        let ended = hub::run(move || {
            let thread = spawn(move || {
                let _locks = locks;
                park();
            });
            yield_now();
            thread
        });
        assert!(ended.expect("a main greenlet").join().is_err());
        holder.join().expect("it does not panic");
        assert_eq!(mutex.lock().map(|value| *value).ok(), Some(11));
    });
}

#[test]
fn a_thread_whose_hub_has_ended_waits_as_before() {
    bounded("a hub", || {
        hub::run(|| sleep(Duration::from_millis(1))).expect("a main greenlet");
        let (send, receive) = channel();
        let real = thread::spawn(move || {
            thread::sleep(Duration::from_millis(2));
            send.send(3).expect("it is received");
        });
        assert_eq!(receive.recv(), Ok(3));
        real.join().expect("it does not panic");
    });
}

#[test]
fn destructors_of_thread_locals_wait() {
    thread_local!(static LAST: std::cell::RefCell<Option<Locks>> = const { std::cell::RefCell::new(None) });
    bounded("a thread", || {
        let (mutex, begun) = (Arc::new(Mutex::new(0)), Arc::new(AtomicBool::new(false)));
        let guard = mutex.lock().expect("nobody panics");
        let (virtual_locks, real_locks) = (
            Locks(mutex.clone(), begun.clone()),
            Locks(mutex.clone(), Arc::new(AtomicBool::new(false))),
        );
        let thread = spawn(move || LAST.set(Some(virtual_locks)));
        let real = thread::spawn(move || LAST.set(Some(real_locks)));
        while !begun.load(Ordering::Acquire) {
            yield_now();
        }
        drop(guard);
        thread.join().expect("it does not panic");
        real.join().expect("it does not panic");
        assert_eq!(mutex.lock().map(|value| *value).ok(), Some(2));
    });
}

#[test]
fn a_greenlet_waits_and_is_unwound() {
    bounded("a greenlet", || {
        let mutex = Arc::new(Mutex::new(0));
        let (theirs, dropped) = (mutex.clone(), mutex.clone());
        let guard = mutex.lock().expect("nobody panics");
        let waits = hub::spawn_raw(move || {
            *theirs.lock().expect("nobody panics") += 1;
            Ok(())
        });
        let waits = waits.expect("there is a hub");
        hub::run(move || {
            let left = hub::spawn_raw(move || {
                drop(dropped.lock());
                Ok(())
            });
            yield_now();
            drop(guard);
            drop(left.map(drop));
            while !waits.dead() {
                yield_now();
            }
        })
        .expect("a main greenlet");
        assert!(mutex.try_lock().is_ok());
    });
}

/// Catches everything, for ever.
fn stubborn(wait: impl Fn()) -> ! {
    loop {
        let _ = catch_unwind(AssertUnwindSafe(&wait));
    }
}

/// A wait that catches its unwinding, until the stack is given up, leaves no place in the line behind: what it would be
/// given would be lost.
#[test]
fn whoever_is_given_up_is_given_nothing() {
    bounded("a hub", || {
        let (mutex, lock) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(0)));
        let guards = (mutex.lock().expect("free"), lock.write().expect("free"));
        let (theirs, their_lock) = (mutex.clone(), lock.clone());
        let (others, other_lock) = (mutex.clone(), lock.clone());
        let ended = hub::run(move || {
            let threads: [JoinHandle<()>; 2] = [
                spawn(move || stubborn(|| drop(theirs.lock()))),
                spawn(move || stubborn(|| drop(their_lock.write()))),
            ];
            let greenlets = [
                hub::spawn_raw(move || -> Result<(), Exception> { stubborn(|| drop(others.lock())) }),
                hub::spawn_raw(move || -> Result<(), Exception> { stubborn(|| drop(other_lock.read())) }),
            ];
            yield_now();
            drop(greenlets);
            threads
        });
        let ended = ended.expect("a main greenlet");
        assert!(ended.map(JoinHandle::join).iter().all(Result::is_err));
        drop(guards);
        // Others get all of it.
        let real = thread::spawn(move || {
            *mutex.lock().expect("nobody has panicked") += 1;
            *lock.write().expect("nobody has panicked") += 1;
            (*mutex.lock().expect("free"), *lock.read().expect("free"))
        });
        assert_eq!(real.join().expect("it does not panic"), (1, 1));
    });
}
