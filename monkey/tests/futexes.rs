//! Futexes: waits, wakes, and what is thrown into them.

use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use gevent_threading::spawn;

/// A value goes to and fro between two virtual threads of one carrier, and comes from a real thread.
#[test]
fn std_channels_park() {
    gevent_monkey::patch_thread().unwrap();
    let (send, receive) = mpsc::channel();
    let (back, answers) = mpsc::channel();
    let one = spawn(move || receive.iter().map(|value: u32| back.send(value + 1).unwrap()).count());
    let other = spawn(move || {
        for value in 0..1000 {
            send.send(value).unwrap();
            assert_eq!(answers.recv().unwrap(), value + 1);
        }
    });
    other.join().unwrap();
    assert_eq!(one.join().unwrap(), 1000);
}

#[test]
fn a_mutex_that_is_held_over_a_wait_parks_the_others() {
    gevent_monkey::patch_all().unwrap();
    let mutex = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..10)
        .map(|_| {
            let mutex = mutex.clone();
            spawn(move || {
                let mut guard = mutex.lock().unwrap();
                let old = *guard;
                std::thread::sleep(Duration::from_millis(1));
                *guard = old + 1;
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*mutex.lock().unwrap(), 10);
}

#[test]
fn a_condition_variable_waits_for_its_time() {
    gevent_monkey::patch_thread().unwrap();
    let pair = Arc::new((Mutex::new(()), Condvar::new()));
    let theirs = pair.clone();
    let thread = spawn(move || {
        let guard = theirs.0.lock().unwrap();
        theirs
            .1
            .wait_timeout(guard, Duration::from_millis(5))
            .unwrap()
            .1
            .timed_out()
    });
    assert!(thread.join().unwrap());
}
