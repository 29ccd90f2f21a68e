//! Virtual threads that run for long between their calls: timers have their turn among them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gevent_threading::{JoinHandle, spawn};

const CROWD: usize = 100;

/// Works for a hundredth of what the crowd works in all.
fn work() {
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(2) {}
}

/// A virtual thread that sleeps for a short time, and returns how many of the crowd have worked by then.
fn sleeper(done: Arc<AtomicUsize>) -> JoinHandle<usize> {
    spawn(move || {
        thread::sleep(Duration::from_millis(1));
        done.load(Ordering::Relaxed)
    })
}

#[test]
fn a_sleep_ends_while_many_begin() {
    gevent_monkey::patch_all().unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let crowd = |_| {
        let done = done.clone();
        spawn(move || {
            work();
            done.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(1));
        })
    };
    let sleeper = sleeper(done.clone());
    let crowd: Vec<_> = (0..CROWD).map(crowd).collect();
    let worked = sleeper.join().unwrap();
    assert!(worked < CROWD / 2, "{worked}");
    crowd.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_sleep_ends_while_many_are_ready() {
    gevent_monkey::patch_all().unwrap();
    let (begun, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (crowd, mut writers): (Vec<_>, Vec<_>) = (0..CROWD)
        .map(|_| {
            let (mut reader, writer) = UnixStream::pair().unwrap();
            let (begun, done) = (begun.clone(), done.clone());
            let thread = spawn(move || {
                begun.fetch_add(1, Ordering::Relaxed);
                assert_eq!(reader.read(&mut [0; 8]).unwrap(), 1);
                work();
                done.fetch_add(1, Ordering::Relaxed);
            });
            (thread, writer)
        })
        .unzip();
    // Who has begun runs until it is parked, as all are carried by this thread.
    while begun.load(Ordering::Relaxed) < CROWD {
        gevent_threading::yield_now();
    }
    // All are found ready together.
    writers.iter_mut().for_each(|writer| writer.write_all(b"x").unwrap());
    let worked = sleeper(done).join().unwrap();
    assert!(worked < CROWD / 2, "{worked}");
    crowd.into_iter().for_each(|thread| thread.join().unwrap());
}
