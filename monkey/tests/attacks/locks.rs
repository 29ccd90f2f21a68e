//! std's locks, cells and thread-locals.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock, mpsc};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::{bound, in_virtual_thread};

/// Calls `f` in many virtual threads of three carriers, and in real threads.
fn everywhere(f: impl Fn(usize) + Send + Sync + Clone + 'static) {
    let _bound = bound();
    gevent_monkey::patch_all().unwrap();
    let threads: Vec<_> = (0..5)
        .map(|carrier| {
            let f = f.clone();
            thread::spawn(move || {
                if carrier > 2 {
                    return f(carrier);
                }
                let threads: Vec<_> = (0..20)
                    .map(|n| {
                        let f = f.clone();
                        gevent_threading::spawn(move || f(carrier * 20 + n))
                    })
                    .collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn lazy_values_are_made_once() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static LAZY: LazyLock<usize> = LazyLock::new(|| {
        sleep(Duration::from_millis(5));
        MADE.fetch_add(1, Ordering::Relaxed)
    });
    static ONCE: Once = Once::new();
    static CELL: OnceLock<usize> = OnceLock::new();
    everywhere(|n| {
        assert_eq!(*LAZY, 0);
        ONCE.call_once(|| sleep(Duration::from_millis(2)));
        let value = *CELL.get_or_init(|| {
            sleep(Duration::from_millis(2));
            n
        });
        assert_eq!(Some(&value), CELL.get());
    });
    assert_eq!(MADE.load(Ordering::Relaxed), 1);
}

#[test]
fn locks_are_held_over_waits_everywhere() {
    let mutex = Arc::new(Mutex::new(0));
    let lock = Arc::new(RwLock::new(0));
    let (m, l) = (mutex.clone(), lock.clone());
    everywhere(move |n| {
        for _ in 0..10 {
            let mut guard = m.lock().unwrap();
            *guard += 1;
            if n % 7 == 0 {
                thread::yield_now();
            }
            drop(guard);
            if n % 3 == 0 {
                let mut guard = l.write().unwrap();
                let old = *guard;
                sleep(Duration::from_micros(10));
                *guard = old + 1;
            } else {
                let guard = l.read().unwrap();
                let old = *guard;
                thread::yield_now();
                assert_eq!(*guard, old);
            }
        }
    });
    assert_eq!(*mutex.lock().unwrap(), 620);
    assert!(*lock.read().unwrap() > 0);
}

#[test]
fn condition_variables_time_out_and_are_notified() {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    everywhere(move |n| {
        let (lock, changed) = &*pair;
        let started = Instant::now();
        let guard = lock.lock().unwrap();
        let (guard, over) = changed
            .wait_timeout_while(guard, Duration::from_millis(3), |_| true)
            .unwrap();
        drop(guard);
        assert!(over.timed_out() && started.elapsed() >= Duration::from_millis(3));
        *lock.lock().unwrap() += 1;
        changed.notify_all();
        let mut guard = lock.lock().unwrap();
        while *guard < 62 {
            guard = changed.wait_timeout(guard, Duration::from_secs(30)).unwrap().0;
        }
        assert_eq!(*guard, 62, "{n}");
    });
}

#[test]
fn tokens_are_kept() {
    everywhere(|_| {
        let (send, receive) = mpsc::channel();
        let waiter = thread::spawn(move || {
            send.send(thread::current()).unwrap();
            for _ in 0..50 {
                thread::park();
            }
            // No token is left.
            let started = Instant::now();
            thread::park_timeout(Duration::from_millis(1));
            started.elapsed()
        });
        let handle = receive.recv().unwrap();
        while !waiter.is_finished() {
            handle.unpark();
            thread::yield_now();
        }
        waiter.join().unwrap();
        thread::current().unpark();
        sleep(Duration::from_micros(10));
        let (send, receive) = mpsc::sync_channel::<()>(0);
        drop(send);
        assert!(receive.recv().is_err());
        thread::park();
    });
}

struct Last(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Drop for Last {
    fn drop(&mut self) {
        use std::io::Read;
        sleep(Duration::from_millis(1));
        let mut log = self.1.lock().unwrap();
        sleep(Duration::from_millis(1));
        log.push(self.0);
        drop(log);
        let (mut one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        let writer = thread::spawn(move || {
            use std::io::Write;
            sleep(Duration::from_millis(1));
            let mut other = other;
            other.write_all(b"x").unwrap();
        });
        one.read_exact(&mut [0]).unwrap();
        writer.join().unwrap();
        let (send, receive) = mpsc::channel();
        let sender = thread::spawn(move || send.send(()).unwrap());
        receive.recv().unwrap();
        sender.join().unwrap();
        thread::yield_now();
    }
}

#[test]
fn destructors_of_thread_locals_make_all_calls() {
    thread_local! {
        static FIRST: RefCell<Option<Last>> = const { RefCell::new(None) };
        static SECOND: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    in_virtual_thread(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let log = log.clone();
                thread::spawn(move || {
                    FIRST.set(Some(Last("first", log.clone())));
                    SECOND.set(Some(Last("second", log)));
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(log.lock().unwrap().len(), 40);
    });
}

/// All carriers wait for each other's.
#[test]
fn barriers_of_all() {
    let barrier = Arc::new(Barrier::new(62));
    let leaders = Arc::new(AtomicUsize::new(0));
    let theirs = leaders.clone();
    everywhere(move |_| {
        for _ in 0..20 {
            if barrier.wait().is_leader() {
                theirs.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    assert_eq!(leaders.load(Ordering::Relaxed), 20);
}

/// Panics with a lock held, while others wait for it.
#[test]
fn poison_comes_to_those_that_wait() {
    in_virtual_thread(|| {
        let mutex = Arc::new(Mutex::new(()));
        let theirs = mutex.clone();
        let falls = thread::spawn(move || {
            let _guard = theirs.lock().unwrap();
            sleep(Duration::from_millis(3));
            std::panic::resume_unwind(Box::new(()));
        });
        thread::yield_now();
        let waits: Vec<_> = (0..10)
            .map(|_| {
                let mutex = mutex.clone();
                thread::spawn(move || mutex.lock().is_err())
            })
            .collect();
        assert!(falls.join().is_err());
        assert!(waits.into_iter().all(|thread| thread.join().unwrap()));
    });
}

/// A real thread waits for what is never free without a virtual one in line.
#[test]
fn a_real_thread_has_its_turn_among_virtual_ones() {
    let _bound = bound();
    gevent_monkey::patch_all().unwrap();
    let mutex = Arc::new(Mutex::new(()));
    let done = Arc::new(AtomicUsize::new(0));
    let (theirs, end) = (mutex.clone(), done.clone());
    let carrier = thread::spawn(move || {
        let threads: Vec<_> = (0..5)
            .map(|_| {
                let (mutex, done) = (theirs.clone(), end.clone());
                gevent_threading::spawn(move || {
                    while done.load(Ordering::Relaxed) < 50 {
                        let guard = mutex.lock().unwrap();
                        sleep(Duration::from_micros(200));
                        drop(guard);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    sleep(Duration::from_millis(5));
    while done.load(Ordering::Relaxed) < 50 {
        drop(mutex.lock().unwrap());
        done.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_micros(300));
    }
    carrier.join().unwrap();
}
