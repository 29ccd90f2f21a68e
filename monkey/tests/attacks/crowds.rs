//! Very many virtual threads in each kind of wait.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::thread::{self, sleep};
use std::time::Duration;

use crate::in_virtual_thread;

const MANY: usize = 10_000;

fn many<T: Send + 'static>(f: impl Fn(usize) -> T + Send + Sync + Clone + 'static) -> Vec<thread::JoinHandle<T>> {
    (0..MANY)
        .map(|n| {
            let f = f.clone();
            thread::Builder::new().stack_size(64 << 10).spawn(move || f(n)).unwrap()
        })
        .collect()
}

fn join(threads: Vec<thread::JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn in_one_condition_variable() {
    in_virtual_thread(|| {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let theirs = pair.clone();
        let threads = many(move |_| {
            let guard = theirs.0.lock().unwrap();
            drop(theirs.1.wait_while(guard, |go| !*go).unwrap());
        });
        sleep(Duration::from_millis(1));
        *pair.0.lock().unwrap() = true;
        pair.1.notify_all();
        join(threads);
    });
}

#[test]
fn in_one_mutex() {
    in_virtual_thread(|| {
        let mutex = Arc::new(Mutex::new(0));
        let theirs = mutex.clone();
        let guard = mutex.lock().unwrap();
        let threads = many(move |_| *theirs.lock().unwrap() += 1);
        sleep(Duration::from_millis(1));
        drop(guard);
        join(threads);
        assert_eq!(*mutex.lock().unwrap(), MANY);
    });
}

#[test]
fn in_parks_sleeps_joins_and_channels() {
    in_virtual_thread(|| {
        let threads = many(|_| thread::park());
        sleep(Duration::from_millis(1));
        threads.iter().for_each(|thread| thread.thread().unpark());
        join(threads);
        join(many(|n| sleep(Duration::from_micros(n as u64 % 1000))));
        let mut last = thread::spawn(|| sleep(Duration::from_millis(1)));
        for _ in 0..MANY {
            last = thread::Builder::new()
                .stack_size(64 << 10)
                .spawn(move || last.join().unwrap())
                .unwrap();
        }
        last.join().unwrap();
        let (send, receive) = mpsc::sync_channel(1);
        let threads = many(move |n| send.send(n).unwrap());
        assert_eq!(receive.iter().sum::<usize>(), MANY * (MANY - 1) / 2);
        join(threads);
        let barrier = Arc::new(Barrier::new(MANY));
        join(many(move |_| _ = barrier.wait()));
    });
}

/// All for one descriptor.
#[test]
fn in_reads_of_one_socket() {
    in_virtual_thread(|| {
        let (one, mut other) = UnixStream::pair().unwrap();
        let (one, count) = (Arc::new(one), Arc::new(AtomicUsize::new(0)));
        let theirs = count.clone();
        let threads: Vec<_> = (0..2000)
            .map(|_| {
                let (one, count) = (one.clone(), theirs.clone());
                thread::spawn(move || {
                    (&*one).read_exact(&mut [0]).unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        sleep(Duration::from_millis(1));
        other.write_all(&[1; 2000]).unwrap();
        join(threads);
        assert_eq!(count.load(Ordering::Relaxed), 2000);
    });
}
