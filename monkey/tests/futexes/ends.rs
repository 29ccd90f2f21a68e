//! Waits that end in other ways: exceptions, and greenlets that are dropped.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gevent_monkey::take_exception;
use gevent_threading::spawn;

use crate::raw::*;

/// A victim gets the lock that it waits for, and then knows what was thrown into it.
#[test]
fn what_is_thrown_into_a_wait_for_a_lock_is_kept() {
    in_virtual_thread(|| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock().unwrap();
        let theirs = mutex.clone();
        let victim = victim(move || {
            *theirs.lock().unwrap() += 1;
            // Every ordinary wait tells of it, until it is taken.
            let begun = Instant::now();
            thread::sleep(Duration::from_secs(100));
            assert!(begun.elapsed() < Duration::from_secs(50));
            let thrown = take_exception().unwrap();
            assert!(take_exception().is_none());
            thread::sleep(Duration::from_millis(1));
            thrown.is_exit()
        });
        thread::yield_now();
        kill();
        assert!(!victim.is_finished());
        kill();
        drop(guard);
        assert!(victim.join().unwrap());
        assert_eq!(*mutex.lock().unwrap(), 1);
    });
}

#[test]
fn what_is_thrown_into_a_wait_with_a_time_does_not_end_it() {
    in_virtual_thread(|| {
        let victim = victim(|| {
            let pair = (Mutex::new(()), Condvar::new());
            let begun = Instant::now();
            let time = Duration::from_millis(10);
            let waited = pair
                .1
                .wait_timeout_while(pair.0.lock().unwrap(), time, |()| true)
                .unwrap();
            assert!(waited.1.timed_out() && begun.elapsed() >= time);
            take_exception().unwrap().is_exit()
        });
        thread::yield_now();
        kill();
        assert!(victim.join().unwrap());
    });
}

/// `run` returns what was thrown, though the channel knows nothing of it.
#[test]
fn run_returns_what_was_thrown_into_a_channel() {
    in_virtual_thread(|| {
        let (send, receive) = mpsc::channel::<u32>();
        let victim = victim(move || gevent_monkey::run(|| receive.recv()).err().unwrap().is_exit());
        thread::yield_now();
        kill();
        send.send(1).unwrap();
        assert!(victim.join().unwrap());
    });
}

#[test]
fn what_is_thrown_into_a_join_is_kept() {
    in_virtual_thread(|| {
        let (go, gone) = mpsc::channel();
        let joined = thread::spawn(move || gone.recv().unwrap());
        let (tell, told) = mpsc::channel();
        let victim = victim(move || {
            tell.send(()).unwrap();
            let value: u32 = joined.join().unwrap();
            (value, take_exception().unwrap().is_exit())
        });
        told.recv().unwrap();
        thread::yield_now();
        kill();
        go.send(3).unwrap();
        assert_eq!(victim.join().unwrap(), (3, true));
    });
}

/// The hub of a carrier ends while one of its virtual threads waits: nobody waits for that one, and the next in line
/// gets what is free.
#[test]
fn who_ends_with_his_carrier_takes_no_wake_up() {
    let _alone = alone();
    let before = gevent_monkey::stats().waiting;
    let word = Arc::new(AtomicU32::new(0));
    let theirs = word.clone();
    let ended = thread::spawn(move || {
        let ended = gevent::run(|| {
            let waiter = spawn(move || wait(&theirs, 0));
            gevent_threading::yield_now();
            gevent_threading::yield_now();
            assert!(!waiter.is_finished());
        });
        ended.unwrap();
    });
    ended.join().unwrap();
    assert_eq!(gevent_monkey::stats().waiting, before);
    assert_eq!(wake(&word, 1), 0);
    let theirs = word.clone();
    let next = spawn(move || wait(&theirs, 0).unwrap());
    let waker = spawn(move || wake_all_of(&word, 1));
    next.join().unwrap();
    waker.join().unwrap();
}

/// A carrier ends without a word, and what it carries is never unwound. What was to be given to it is somebody else's.
#[test]
fn a_lock_is_not_lost_with_a_carrier() {
    let _alone = alone();
    let (mutex, is_locked) = (Arc::new(Mutex::new(0)), Arc::new(AtomicBool::new(false)));
    let (theirs, says) = (mutex.clone(), is_locked.clone());
    let (unlock, unlocks) = mpsc::channel::<()>();
    let holder = thread::spawn(move || {
        let mut guard = theirs.lock().unwrap();
        says.store(true, Ordering::Release);
        let _ = unlocks.recv();
        *guard += 1;
    });
    until(|| is_locked.load(Ordering::Acquire));
    let theirs = mutex.clone();
    let ended = thread::spawn(move || {
        drop(spawn(move || drop(theirs.lock())));
        gevent_threading::yield_now();
        gevent_threading::yield_now();
    });
    ended.join().unwrap();
    let theirs = mutex.clone();
    let next = spawn(move || *theirs.lock().unwrap() += 1);
    gevent_threading::yield_now();
    drop(unlock);
    next.join().unwrap();
    holder.join().unwrap();
    assert_eq!(*mutex.lock().unwrap(), 2);
}

/// Whether a thread waits in the kernel for the word of a lock.
fn waits_in_kernel<T>(thread: libc::pid_t, lock: &Mutex<T>) -> bool {
    let call = std::fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).unwrap();
    let mut fields = call.split(' ');
    let number = fields.next().and_then(|number| number.parse().ok());
    let word = fields
        .next()
        .and_then(|word| usize::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    let place = std::ptr::from_ref(lock).addr();
    number == Some(libc::SYS_futex) && word.is_some_and(|word| (place..place + size_of_val(lock)).contains(&word))
}

/// A carrier waits in the kernel for the lock that one of its own is called for. That one cannot run before.
#[test]
fn a_carrier_that_waits_for_the_same_lock_is_woken_too() {
    let _alone = alone();
    // Every other time, those in the kernel are woken first.
    for _ in 0..2 {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock().unwrap();
        let (theirs, (tell, told)) = (mutex.clone(), mpsc::channel());
        let carrier = thread::spawn(move || {
            let lock = theirs.clone();
            let waiter = spawn(move || *lock.lock().unwrap() += 1);
            gevent_threading::yield_now();
            gevent_threading::yield_now();
            // SAFETY: the function has no conditions.
            tell.send(unsafe { libc::gettid() }).unwrap();
            *theirs.lock().unwrap() += 1;
            waiter.join().unwrap();
        });
        let thread = told.recv().unwrap();
        until(|| waits_in_kernel(thread, &mutex));
        drop(guard);
        carrier.join().unwrap();
        assert_eq!(*mutex.lock().unwrap(), 2);
    }
}

/// A carrier ends when one of its own was called, and has not run yet. The next in line is called in its place.
#[test]
fn what_one_was_called_for_is_not_lost_with_its_carrier() {
    let _alone = alone();
    let mutex = Arc::new(Mutex::new(0));
    let guard = mutex.lock().unwrap();
    let (theirs, (tell, told), (end, ends)) = (mutex.clone(), mpsc::channel(), mpsc::channel::<()>());
    let carrier = thread::spawn(move || {
        drop(spawn(move || *theirs.lock().unwrap() += 10));
        gevent_threading::yield_now();
        gevent_threading::yield_now();
        tell.send(()).unwrap();
        let _ = ends.recv();
    });
    told.recv().unwrap();
    let theirs = mutex.clone();
    let next = spawn(move || *theirs.lock().unwrap() += 1);
    gevent_threading::yield_now();
    gevent_threading::yield_now();
    drop(guard);
    drop(end);
    carrier.join().unwrap();
    next.join().unwrap();
    assert_eq!(*mutex.lock().unwrap(), 1);
}

/// A thread whose stack is given up is called by nobody: what is for one goes to one that lives.
#[test]
fn who_cannot_wait_any_more_is_called_by_nobody() {
    (1..=3).for_each(calls_one_that_lives);
}

fn calls_one_that_lives(sleeps: u32) {
    static WORD: AtomicU32 = AtomicU32::new(0);
    in_virtual_thread(move || {
        let ended = gevent_monkey::real_threads(|| {
            thread::spawn(move || {
                let ended = hub::run(move || {
                    gevent_threading::spawn(move || {
                        // Its greenlet is dropped, and it does not notice.
                        for _ in 0..sleeps {
                            thread::sleep(Duration::from_secs(100));
                        }
                        let _ = wait(&WORD, 0);
                        unreachable!("nobody calls it");
                    });
                    gevent_threading::yield_now();
                });
                ended.unwrap();
            })
        });
        ended.join().unwrap();
        let waiter = spawn(|| wait(&WORD, 0).unwrap());
        thread::yield_now();
        assert_eq!(wake(&WORD, 1), 1);
        thread::yield_now();
        thread::yield_now();
        assert!(waiter.is_finished());
        waiter.join().unwrap();
    });
}
