//! Where there are no virtual threads, making one is refused, and nothing is lost.

#![cfg(not(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")))]

use std::io::ErrorKind;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gevent_threading::sync::{Barrier, Condvar, Mutex, RwLock, mpsc};
use gevent_threading::{Builder, Unsupported, on_carrier, park_timeout, sleep, spawn, supported, yield_now};

#[test]
fn the_reason_is_told() {
    assert_eq!(supported(), Err(Unsupported::Platform));
    let owned = Arc::new(());
    let its = owned.clone();
    let error = Builder::new().spawn(move || drop(its)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("x86-64"), "{error}");
    assert_eq!(Arc::strong_count(&owned), 1);
    catch_unwind(|| spawn(|| ())).map(drop).unwrap_err();
}

#[test]
fn waits_of_real_threads_work() {
    yield_now();
    sleep(Duration::from_millis(1));
    park_timeout(Duration::from_millis(1));
}

#[test]
fn locks_and_channels_of_real_threads_work() {
    let (count, changed) = (Mutex::new(0), Condvar::new());
    let (lock, barrier) = (RwLock::new(0), Barrier::new(4));
    let (send, receive) = mpsc::sync_channel(0);
    thread::scope(|s| {
        for number in 0..4_u32 {
            let send = send.clone();
            let (count, changed, lock, barrier) = (&count, &changed, &lock, &barrier);
            s.spawn(move || {
                barrier.wait();
                for _ in 0..100 {
                    *lock.write().expect("nobody panics") += 1;
                    *count.lock().expect("nobody panics") += 1;
                    changed.notify_one();
                }
                send.send(number).expect("it is received");
            });
        }
        drop(send);
        assert_eq!(receive.iter().sum::<u32>(), 6);
        let all = changed.wait_while(count.lock().expect("nobody panics"), |count| *count < 400);
        assert_eq!(*all.expect("nobody panics"), 400);
        assert_eq!(*lock.read().expect("nobody panics"), 400);
    });
    assert_eq!(on_carrier(|| 1), 1);
}
