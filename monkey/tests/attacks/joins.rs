//! Threads that are joined.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use gevent_monkey::real_threads;

use crate::in_virtual_thread;

/// The thread that joins in the caller's place is about to end when the caller goes on.
#[test]
fn real_threads_are_joined_once() {
    in_virtual_thread(|| {
        for number in 0..2000 {
            let real = real_threads(|| thread::spawn(move || number));
            assert_eq!(real.join().unwrap(), number);
        }
    });
}

/// The numbers of threads that are not joined yet stay theirs.
#[test]
fn threads_that_have_ended_are_joined_late_and_in_any_order() {
    in_virtual_thread(|| {
        let mut threads: Vec<_> = (0..500).map(|n| thread::spawn(move || n)).collect();
        for _ in 0..5 {
            thread::yield_now();
        }
        let more: Vec<_> = (500..1000).map(|n| thread::spawn(move || n)).collect();
        threads.extend(more);
        for (n, thread) in threads.into_iter().enumerate().rev() {
            assert_eq!(thread.join().unwrap(), n);
        }
    });
}

#[test]
fn scopes_lend_and_wait() {
    in_virtual_thread(|| {
        let count = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| {
                    thread::yield_now();
                    count.fetch_add(1, Ordering::Relaxed);
                    thread::scope(|inner| {
                        inner.spawn(|| {
                            thread::sleep(std::time::Duration::from_millis(1));
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                });
            }
        });
        assert_eq!(count.into_inner(), 200);
    });
}

/// Another thread joins them than the one that has made them: a real one.
#[test]
fn a_real_thread_joins_virtual_ones() {
    let threads: Vec<_> = in_virtual_thread(|| {
        let barrier = Arc::new(Barrier::new(3));
        let threads = (0..2).map(|n| {
            let barrier = barrier.clone();
            thread::spawn(move || {
                barrier.wait();
                thread::sleep(std::time::Duration::from_millis(2));
                n
            })
        });
        let threads: Vec<_> = threads.collect();
        barrier.wait();
        threads
    });
    let values: Vec<usize> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(values, [0, 1]);
}

/// By a real thread that has no hub, and is no carrier.
#[test]
fn a_thread_without_a_hub_joins_virtual_ones() {
    in_virtual_thread(|| {
        let one = thread::spawn(|| {
            thread::sleep(std::time::Duration::from_millis(5));
            3
        });
        let real = real_threads(|| thread::spawn(move || one.join().unwrap()));
        assert_eq!(real.join().unwrap(), 3);
    });
}
