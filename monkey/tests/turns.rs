//! Virtual threads that run for long between their calls: timers have their turn among them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gevent_threading::{JoinHandle, spawn};

const CROWD: usize = 100;

/// Works for a hundredth of what the crowd works in all.
fn work() {
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(2) {}
}

/// How many of the crowd have worked when a short sleep is over, at most: they work in turns of a few.
const FEW: usize = CROWD / 4;

/// A virtual thread that sleeps for a short time, and returns how many of the crowd have worked meanwhile.
fn sleeper(done: Arc<AtomicUsize>) -> JoinHandle<usize> {
    spawn(move || {
        let before = done.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(1));
        done.load(Ordering::Relaxed) - before
    })
}

/// How many of a crowd have worked when a short sleep is over, which begins with them. Each works, and then calls the
/// function.
fn worked_at_the_beginning(then: impl Fn() + Copy + Send + 'static) -> usize {
    gevent_monkey::patch_all().unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let crowd = |_| {
        let done = done.clone();
        spawn(move || {
            work();
            done.fetch_add(1, Ordering::Relaxed);
            then();
        })
    };
    let sleeper = sleeper(done.clone());
    let crowd: Vec<_> = (0..CROWD).map(crowd).collect();
    let worked = sleeper.join().unwrap();
    crowd.into_iter().for_each(|thread| thread.join().unwrap());
    worked
}

#[test]
fn a_sleep_ends_while_many_begin() {
    let worked = worked_at_the_beginning(|| thread::sleep(Duration::from_millis(1)));
    assert!(worked < FEW, "{worked}");
}

#[test]
fn a_sleep_ends_while_many_begin_and_end() {
    let worked = worked_at_the_beginning(|| ());
    assert!(worked < FEW, "{worked}");
}

/// How many of a crowd have worked when a short sleep is over, which begins as their waits end. Each of them waits by
/// the first function; the second one ends all these waits at once.
fn worked_beside(wait: impl Fn() + Clone + Send + 'static, call: impl FnOnce()) -> usize {
    gevent_monkey::patch_all().unwrap();
    let (begun, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let crowd = |_| {
        let (wait, begun, done) = (wait.clone(), begun.clone(), done.clone());
        spawn(move || {
            begun.fetch_add(1, Ordering::Relaxed);
            wait();
            work();
            done.fetch_add(1, Ordering::Relaxed);
        })
    };
    let crowd: Vec<_> = (0..CROWD).map(crowd).collect();
    // Who has begun runs until it is parked, as all are carried by this thread.
    while begun.load(Ordering::Relaxed) < CROWD {
        gevent_threading::yield_now();
    }
    let sleeper = sleeper(done);
    call();
    let worked = sleeper.join().unwrap();
    crowd.into_iter().for_each(|thread| thread.join().unwrap());
    worked
}

#[test]
fn a_sleep_ends_while_many_are_called() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let theirs = pair.clone();
    let wait = move || {
        let called = theirs.0.lock().unwrap();
        drop(theirs.1.wait_while(called, |called| !*called).unwrap());
    };
    let worked = worked_beside(wait, || {
        *pair.0.lock().unwrap() = true;
        pair.1.notify_all();
    });
    assert!(worked < FEW, "{worked}");
}
