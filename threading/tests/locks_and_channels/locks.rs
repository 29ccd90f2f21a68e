//! `Mutex`, `RwLock`, `Barrier`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use gevent_threading::sync::{Arc, Barrier, Mutex, RwLock, RwLockWriteGuard, TryLockError};
use gevent_threading::{spawn, yield_now};

use crate::team::{bounded, everywhere, fall, until};

#[test]
fn a_mutex_lets_one_in() {
    everywhere(|team| {
        let count = Arc::new(Mutex::new(0));
        let members: Vec<_> = (0..6)
            .map(|_| {
                let count = count.clone();
                team.spawn(move || {
                    for _ in 0..50 {
                        let mut count = count.lock().expect("nobody panics");
                        let before = *count;
                        yield_now();
                        *count = before + 1;
                    }
                })
            })
            .collect();
        members.into_iter().for_each(|member| member.value());
        let count = Arc::into_inner(count).expect("the others have ended");
        assert_eq!(count.into_inner().expect("nobody has panicked"), 300);
    });
}

#[test]
fn a_mutex_that_is_held_is_not_tried() {
    everywhere(|team| {
        let mutex = Arc::new(Mutex::new(1));
        let guard = mutex.lock().expect("nobody panics");
        let theirs = mutex.clone();
        let tried = team.spawn(move || matches!(theirs.try_lock(), Err(TryLockError::WouldBlock)));
        assert!(tried.value());
        drop(guard);
        let theirs = mutex.clone();
        let tried = team.spawn(move || theirs.try_lock().is_ok_and(|value| *value == 1));
        assert!(tried.value());
    });
}

#[test]
fn a_panic_poisons_a_mutex() {
    everywhere(|team| {
        let mutex = Arc::new(Mutex::new(1));
        let theirs = mutex.clone();
        let waits = mutex.clone();
        let member = team.spawn(move || {
            let mut value = theirs.lock().expect("nobody has panicked");
            *value = 2;
            yield_now();
            fall()
        });
        assert!(member.join().is_err_and(|payload| payload.is::<&str>()));
        let seen = team.spawn(move || waits.lock().map(|value| *value).map_err(|error| *error.into_inner()));
        assert_eq!(seen.value(), Err(2));
        assert!(mutex.is_poisoned());
        assert!(matches!(mutex.try_lock(), Err(TryLockError::Poisoned(error)) if **error.get_ref() == 2));
        mutex.clear_poison();
        assert!(!mutex.is_poisoned());
        assert_eq!(mutex.lock().map(|value| *value).ok(), Some(2));
    });
}

#[test]
fn a_lock_that_is_taken_during_a_panic_is_not_poisoned() {
    struct Locks(Arc<Mutex<u32>>, Arc<RwLock<u32>>);
    impl Drop for Locks {
        fn drop(&mut self) {
            *self.0.lock().expect("nobody has panicked") += 1;
            *self.1.write().expect("nobody has panicked") += 1;
        }
    }
    everywhere(|team| {
        let (mutex, lock) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(0)));
        let locks = Locks(mutex.clone(), lock.clone());
        let member = team.spawn(move || {
            let _locks = locks;
            fall()
        });
        assert!(member.join().is_err());
        assert_eq!(mutex.lock().map(|value| *value).ok(), Some(1));
        assert_eq!(lock.read().map(|value| *value).ok(), Some(1));
    });
}

#[test]
fn a_caught_panic_poisons_as_well() {
    everywhere(|team| {
        let poisoned = team.spawn(|| {
            let mutex = Mutex::new(());
            let caught = catch_unwind(AssertUnwindSafe(|| {
                let _guard = mutex.lock().expect("nobody has panicked");
                fall()
            }));
            caught.is_err() && mutex.into_inner().is_err()
        });
        assert!(poisoned.value());
    });
}

#[test]
fn whoever_takes_a_mutex_again_at_once_does_not_keep_it() {
    bounded("hand-over", || {
        // Each holds the lock whenever the other one runs, but for a moment.
        let log = Arc::new(Mutex::new(String::new()));
        let write = |letter: char| {
            let log = log.clone();
            spawn(move || {
                loop {
                    let mut log = log.lock().expect("nobody panics");
                    log.push(letter);
                    yield_now();
                    if ['a', 'b', 'c'].iter().all(|&letter| log.contains(letter)) {
                        return;
                    }
                }
            })
        };
        let threads = ['a', 'b', 'c'].map(write);
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("it does not panic"));
    });
}

#[test]
fn readers_share_a_lock() {
    everywhere(|team| {
        let lock = Arc::new(RwLock::new(7));
        let inside = Arc::new(Barrier::new(4));
        let members: Vec<_> = (0..4)
            .map(|_| {
                let (lock, inside) = (lock.clone(), inside.clone());
                team.spawn(move || {
                    let value = lock.read().expect("nobody panics");
                    // This returns only if all are in here.
                    inside.wait();
                    *value
                })
            })
            .collect();
        assert!(members.into_iter().all(|member| member.value() == 7));
    });
}

#[test]
fn a_writer_is_alone() {
    everywhere(|team| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let members: Vec<_> = (0..6)
            .map(|number| {
                let lock = lock.clone();
                team.spawn(move || {
                    for turn in 0..30 {
                        if (turn + number) % 3 == 0 {
                            let mut both = lock.write().expect("nobody panics");
                            both.0 += 1;
                            yield_now();
                            both.1 += 1;
                        } else {
                            let both = lock.read().expect("nobody panics");
                            let before = *both;
                            yield_now();
                            assert_eq!((before.0, before), (before.1, *both));
                        }
                    }
                })
            })
            .collect();
        members.into_iter().for_each(|member| member.value());
        assert_eq!(lock.read().map(|both| *both).ok(), Some((60, 60)));
    });
}

#[test]
fn tries_of_a_lock_tell_whether_it_is_held() {
    everywhere(|team| {
        let lock = Arc::new(RwLock::new(()));
        let tries = || {
            let lock = lock.clone();
            let tried = team.spawn(move || {
                let reads = lock.try_read().is_ok();
                (reads, lock.try_write().is_ok())
            });
            tried.value()
        };
        assert_eq!(tries(), (true, true));
        let reads = lock.read().expect("nobody panics");
        assert_eq!(tries(), (true, false));
        drop(reads);
        let writes = lock.write().expect("nobody panics");
        assert_eq!(tries(), (false, false));
        let reads = RwLockWriteGuard::downgrade(writes);
        assert_eq!(tries(), (true, false));
        drop(reads);
        assert_eq!(tries(), (true, true));
    });
}

#[test]
fn readers_that_wait_get_in_when_a_writer_becomes_a_reader() {
    everywhere(|team| {
        let lock = Arc::new(RwLock::new(1));
        let mut writes = lock.write().expect("nobody panics");
        let members: Vec<_> = (0..3)
            .map(|_| {
                let lock = lock.clone();
                team.spawn(move || *lock.read().expect("nobody panics"))
            })
            .collect();
        yield_now();
        *writes = 2;
        let reads = RwLockWriteGuard::downgrade(writes);
        assert!(members.into_iter().all(|member| member.value() == 2));
        drop(reads);
    });
}

#[test]
fn a_writer_poisons_a_lock_and_a_reader_does_not() {
    everywhere(|team| {
        let lock = Arc::new(RwLock::new(1));
        let theirs = lock.clone();
        let member = team.spawn(move || {
            let _reads = theirs.read().expect("nobody has panicked");
            fall()
        });
        assert!(member.join().is_err());
        assert!(!lock.is_poisoned());
        let theirs = lock.clone();
        let member = team.spawn(move || {
            let _writes = theirs.write().expect("nobody has panicked");
            fall()
        });
        assert!(member.join().is_err());
        assert!(lock.is_poisoned());
        assert!(lock.read().is_err() && lock.write().is_err());
        assert!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))));
        assert!(matches!(lock.try_write(), Err(TryLockError::Poisoned(_))));
        lock.clear_poison();
        assert!(lock.read().is_ok());
    });
}

#[test]
fn writers_are_not_kept_waiting_by_readers() {
    bounded("readers", || {
        let lock = Arc::new(RwLock::new(0));
        // At each moment, one of them reads.
        let read = || {
            let lock = lock.clone();
            spawn(move || {
                until(|| {
                    let value = lock.read().expect("nobody panics");
                    yield_now();
                    yield_now();
                    *value > 0
                })
            })
        };
        let readers: Vec<_> = (0..4).map(|_| read()).collect();
        yield_now();
        *lock.write().expect("nobody panics") += 1;
        readers
            .into_iter()
            .for_each(|reader| reader.join().expect("it does not panic"));
    });
}

#[test]
fn a_barrier_lets_all_pass_together_many_times() {
    everywhere(|team| {
        let barrier = Arc::new(Barrier::new(4));
        let come = Arc::new(AtomicU32::new(0));
        let members: Vec<_> = (0..4)
            .map(|_| {
                let (barrier, come) = (barrier.clone(), come.clone());
                team.spawn(move || {
                    let mut leads = 0;
                    for round in 1..=20 {
                        come.fetch_add(1, Ordering::Relaxed);
                        leads += u32::from(barrier.wait().is_leader());
                        assert!(come.load(Ordering::Relaxed) >= 4 * round);
                        barrier.wait();
                    }
                    leads
                })
            })
            .collect();
        assert_eq!(members.into_iter().map(|member| member.value()).sum::<u32>(), 20);
    });
}

#[test]
fn barriers_of_none_and_of_one_do_not_wait() {
    everywhere(|team| {
        let passed = team.spawn(|| [0, 1].map(|size| Barrier::new(size).wait().is_leader()));
        assert_eq!(passed.value(), [true, true]);
    });
}
