//! Locks and channels in real threads: everywhere, also where there are no virtual threads, and under tools that look
//! for races.

use std::thread;
use std::time::Duration;

use gevent_threading::on_carrier;
use gevent_threading::sync::atomic::{AtomicU32, Ordering};
use gevent_threading::sync::{Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock, mpsc};

/// How often each thread does it. An interpreter is slow.
const TURNS: u32 = if cfg!(miri) { 10 } else { 200 };
const THREADS: u32 = 4;

#[test]
fn locks_and_conditions() {
    let (count, changed) = (Mutex::new(0), Condvar::new());
    let (lock, barrier) = (RwLock::new((0, 0)), Barrier::new(THREADS as usize));
    thread::scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| {
                barrier.wait();
                for turn in 0..TURNS {
                    if turn % 2 == 0 {
                        let mut both = lock.write().expect("nobody panics");
                        both.0 += 1;
                        both.1 += 1;
                    }
                    let both = lock.read().expect("nobody panics");
                    assert_eq!(both.0, both.1);
                    drop(both);
                    *count.lock().expect("nobody panics") += 1;
                    changed.notify_one();
                }
            });
        }
        let all = changed.wait_while(count.lock().expect("nobody panics"), |count| *count < THREADS * TURNS);
        assert_eq!(*all.expect("nobody panics"), THREADS * TURNS);
    });
    assert_eq!(lock.into_inner().ok(), Some((THREADS * TURNS / 2, THREADS * TURNS / 2)));
}

#[test]
fn channels() {
    for bound in [0, 1, 5] {
        let (send, receive) = mpsc::sync_channel(bound);
        let (back, returned) = mpsc::channel();
        thread::scope(|s| {
            for number in 0..THREADS {
                let (send, back) = (send.clone(), back.clone());
                s.spawn(move || {
                    for turn in 0..TURNS {
                        send.send(Box::new(number)).expect("it is received");
                        back.send(Box::new(turn)).expect("it is received");
                    }
                });
            }
            drop((send, back));
            let sum: u32 = receive.iter().map(|number| *number).sum();
            assert_eq!(sum, TURNS * (0..THREADS).sum::<u32>());
            assert_eq!(returned.iter().map(|turn| *turn).max(), Some(TURNS - 1));
        });
    }
}

#[test]
fn times_pass() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let waited = condvar.wait_timeout(mutex.lock().expect("nobody panics"), Duration::from_millis(2));
    assert!(waited.expect("nobody panics").1.timed_out());
    let (_send, receive) = mpsc::channel::<()>();
    assert!(receive.recv_timeout(Duration::from_millis(2)).is_err());
}

#[test]
fn what_is_made_once() {
    let (once, cell, count) = (Once::new(), OnceLock::new(), AtomicU32::new(0));
    let lazy = LazyLock::new(|| count.fetch_add(1, Ordering::Relaxed) + 10);
    let made = AtomicU32::new(0);
    let seen: Vec<_> = thread::scope(|s| {
        let look = || {
            once.call_once(|| made.store(1, Ordering::Relaxed));
            let text = cell.get_or_init(|| String::from("made"));
            (*lazy, text.as_str(), made.load(Ordering::Relaxed))
        };
        let threads = [s.spawn(look), s.spawn(look), s.spawn(look)];
        threads
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"))
            .collect()
    });
    assert_eq!(seen, [(10, "made", 1); 3]);
}

#[test]
fn on_carrier_is_a_plain_call() {
    let id = thread::current().id();
    assert!(on_carrier(|| thread::current().id() == id));
}
