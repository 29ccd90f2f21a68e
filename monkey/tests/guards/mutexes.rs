//! While a mutex of the C library's is held.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use gevent_threading::spawn;

use crate::{assert_parks, in_virtual_thread, others_run_in, pause};

/// Locks of the C library's.
struct C<T>(UnsafeCell<T>);

// SAFETY: they are made for threads.
unsafe impl<T> Sync for C<T> {}
// SAFETY: as above.
unsafe impl<T> Send for C<T> {}

impl<T> C<T> {
    fn get(&self) -> *mut T {
        self.0.get()
    }
}

fn mutex(kind: libc::c_int) -> Arc<C<libc::pthread_mutex_t>> {
    let mutex = Arc::new(C(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER)));
    // SAFETY: the attributes are initialised, and nobody uses the mutex yet.
    unsafe {
        let mut attributes = MaybeUninit::uninit();
        libc::pthread_mutexattr_init(attributes.as_mut_ptr());
        libc::pthread_mutexattr_settype(attributes.as_mut_ptr(), kind);
        libc::pthread_mutex_init(mutex.get(), attributes.as_ptr());
        libc::pthread_mutexattr_destroy(attributes.as_mut_ptr());
    }
    mutex
}

#[test]
fn with_a_mutex_nobody_parks() {
    for kind in [
        libc::PTHREAD_MUTEX_NORMAL,
        libc::PTHREAD_MUTEX_RECURSIVE,
        libc::PTHREAD_MUTEX_ERRORCHECK,
    ] {
        in_virtual_thread(move || {
            let mutex = mutex(kind);
            let soon = libc::timespec {
                tv_sec: 1 << 40,
                tv_nsec: 0,
            };
            // SAFETY: the mutex lives, and is unlocked by its owner.
            let ways: [&dyn Fn() -> libc::c_int; 3] = unsafe {
                [
                    &|| libc::pthread_mutex_lock(mutex.get()),
                    &|| libc::pthread_mutex_trylock(mutex.get()),
                    &|| libc::pthread_mutex_timedlock(mutex.get(), &raw const soon),
                ]
            };
            for lock in ways {
                assert_eq!(lock(), 0);
                assert!(!others_run_in(pause));
                if kind == libc::PTHREAD_MUTEX_RECURSIVE {
                    assert_eq!(lock(), 0);
                    // SAFETY: as above.
                    assert_eq!(unsafe { libc::pthread_mutex_unlock(mutex.get()) }, 0);
                    assert!(!others_run_in(pause));
                }
                // SAFETY: as above.
                assert_eq!(unsafe { libc::pthread_mutex_unlock(mutex.get()) }, 0);
                assert_parks();
            }
        });
    }
}

/// One that holds nothing parks, though another one of the same carrier holds a mutex.
#[test]
fn each_virtual_thread_counts_its_own() {
    in_virtual_thread(|| {
        let mutex = mutex(libc::PTHREAD_MUTEX_NORMAL);
        // SAFETY: the mutex lives.
        unsafe { libc::pthread_mutex_lock(mutex.get()) };
        let other = spawn(assert_parks);
        gevent_threading::sleep(std::time::Duration::from_millis(1));
        other.join().unwrap();
        assert!(!others_run_in(pause));
        // SAFETY: as above.
        unsafe { libc::pthread_mutex_unlock(mutex.get()) };
        assert_parks();
    });
}

#[test]
fn tries_that_fail_do_not_count() {
    in_virtual_thread(|| {
        let mutex = mutex(libc::PTHREAD_MUTEX_NORMAL);
        let (locked, leave) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let holder = thread::Builder::new();
        let (theirs, is_locked, may_leave) = (mutex.clone(), locked.clone(), leave.clone());
        let holder = gevent_threading::on_carrier(move || {
            holder.spawn(move || {
                // SAFETY: the mutex lives.
                unsafe { libc::pthread_mutex_lock(theirs.get()) };
                is_locked.store(true, Ordering::Release);
                while !may_leave.load(Ordering::Acquire) {
                    thread::yield_now();
                }
                // SAFETY: as above.
                unsafe { libc::pthread_mutex_unlock(theirs.get()) };
            })
        });
        while !locked.load(Ordering::Acquire) {
            pause();
        }
        // SAFETY: as above.
        assert_eq!(unsafe { libc::pthread_mutex_trylock(mutex.get()) }, libc::EBUSY);
        assert_parks();
        leave.store(true, Ordering::Release);
        gevent_threading::on_carrier(move || holder.unwrap().join().unwrap());
    });
}

/// A condition variable gives the mutex up, and takes it again.
#[test]
fn after_a_condition_variable_the_count_is_right() {
    in_virtual_thread(|| {
        let mutex = mutex(libc::PTHREAD_MUTEX_NORMAL);
        let condition = C(UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER));
        let past = libc::timespec { tv_sec: 1, tv_nsec: 0 };
        // SAFETY: both live, and the mutex is locked.
        unsafe {
            libc::pthread_mutex_lock(mutex.get());
            let waited = libc::pthread_cond_timedwait(condition.get(), mutex.get(), &raw const past);
            assert_eq!(waited, libc::ETIMEDOUT);
            assert!(!others_run_in(pause));
            libc::pthread_mutex_unlock(mutex.get());
        }
        assert_parks();
    });
}

/// The C library allows it for none, but lets it pass. Those of threads that have ended are in nobody's way.
#[test]
fn a_mutex_that_another_thread_unlocks_is_not_counted_any_more() {
    let left: Vec<_> = (0..100)
        .map(|_| {
            let mutex = mutex(libc::PTHREAD_MUTEX_NORMAL);
            let theirs = mutex.clone();
            // SAFETY: the mutex lives.
            thread::spawn(move || assert_eq!(unsafe { libc::pthread_mutex_lock(theirs.get()) }, 0));
            mutex
        })
        .collect();
    for mutex in left {
        // SAFETY: as above. It is locked, once nobody can lock it.
        unsafe {
            while libc::pthread_mutex_trylock(mutex.get()) == 0 {
                libc::pthread_mutex_unlock(mutex.get());
                thread::yield_now();
            }
            assert_eq!(libc::pthread_mutex_unlock(mutex.get()), 0);
        }
    }
    in_virtual_thread(|| {
        for _ in 0..200 {
            let mutex = mutex(libc::PTHREAD_MUTEX_NORMAL);
            // SAFETY: the mutex lives.
            unsafe { libc::pthread_mutex_lock(mutex.get()) };
            let theirs = mutex.clone();
            let unlocker = gevent_threading::on_carrier(move || {
                thread::Builder::new().spawn(move || {
                    // SAFETY: as above.
                    assert_eq!(unsafe { libc::pthread_mutex_unlock(theirs.get()) }, 0);
                })
            });
            gevent_threading::on_carrier(move || unlocker.unwrap().join().unwrap());
        }
        assert_parks();
        // The count is not below zero.
        let mutex = mutex(libc::PTHREAD_MUTEX_NORMAL);
        // SAFETY: as above.
        unsafe { libc::pthread_mutex_lock(mutex.get()) };
        assert!(!others_run_in(pause));
        // SAFETY: as above.
        unsafe { libc::pthread_mutex_unlock(mutex.get()) };
        assert_parks();
    });
}

#[test]
fn with_a_lock_for_readers_and_writers_nobody_parks() {
    in_virtual_thread(|| {
        let lock = C(UnsafeCell::new(libc::PTHREAD_RWLOCK_INITIALIZER));
        // SAFETY: the lock lives.
        let ways: [&dyn Fn() -> libc::c_int; 4] = unsafe {
            [
                &|| libc::pthread_rwlock_rdlock(lock.get()),
                &|| libc::pthread_rwlock_tryrdlock(lock.get()),
                &|| libc::pthread_rwlock_wrlock(lock.get()),
                &|| libc::pthread_rwlock_trywrlock(lock.get()),
            ]
        };
        for take in ways {
            assert_eq!(take(), 0);
            assert!(!others_run_in(pause));
            // SAFETY: as above.
            assert_eq!(unsafe { libc::pthread_rwlock_unlock(lock.get()) }, 0);
            assert_parks();
        }
    });
}

#[test]
fn with_a_spin_lock_nobody_parks() {
    in_virtual_thread(|| {
        let lock = C(UnsafeCell::new(0));
        // SAFETY: the lock lives.
        unsafe {
            libc::pthread_spin_init(lock.get(), libc::PTHREAD_PROCESS_PRIVATE);
            for take in [libc::pthread_spin_lock, libc::pthread_spin_trylock] {
                assert_eq!(take(lock.get()), 0);
                assert!(!others_run_in(pause));
                libc::pthread_spin_unlock(lock.get());
                assert_parks();
            }
        }
    });
}

unsafe extern "C" {
    fn flockfile(file: *mut libc::FILE);
    fn funlockfile(file: *mut libc::FILE);
}

#[test]
fn with_a_locked_file_nobody_parks() {
    in_virtual_thread(|| {
        // SAFETY: the file is closed at the end only.
        unsafe {
            let file = libc::tmpfile();
            assert_ne!(file, ptr::null_mut());
            flockfile(file);
            assert!(!others_run_in(pause));
            funlockfile(file);
            assert_parks();
            libc::fclose(file);
        }
    });
}
