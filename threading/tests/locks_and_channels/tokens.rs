//! Waits leave the tokens of `park` alone, and leave none behind.

use std::thread;
use std::time::{Duration, Instant};

use gevent_threading::sync::mpsc::sync_channel;
use gevent_threading::sync::{Arc, Condvar, Mutex};
use gevent_threading::{current, park, park_timeout, yield_now};

use crate::team::{bounded, everywhere};

#[test]
fn a_token_is_there_after_waits() {
    everywhere(|team| {
        let (mutex, condvar) = (Arc::new(Mutex::new(())), Arc::new(Condvar::new()));
        let (send, receive) = sync_channel(0);
        let guard = mutex.lock().expect("nobody panics");
        let (theirs, signal) = (mutex.clone(), condvar.clone());
        let member = team.spawn(move || {
            current().unpark();
            receive.recv().expect("it is sent");
            let guard = theirs.lock().expect("nobody panics");
            let waited = signal.wait_timeout(guard, Duration::from_millis(1));
            drop(waited);
            park();
        });
        send.send(()).expect("it is received");
        yield_now();
        drop(guard);
        member.value();
    });
}

#[test]
fn a_token_that_comes_during_a_wait_does_not_end_it() {
    everywhere(|team| {
        let (send, receive) = sync_channel(0);
        let (tell, told) = std::sync::mpsc::channel();
        let member = team.spawn(move || {
            tell.send(current()).expect("it is received");
            let received = receive.recv();
            park();
            received
        });
        let mut handle = None;
        while handle.is_none() {
            yield_now();
            handle = told.try_recv().ok();
        }
        handle.expect("it was sent").unpark();
        yield_now();
        send.send(4).expect("it is received");
        assert_eq!(member.value(), Ok(4));
    });
}

#[test]
fn a_real_threads_own_token_is_left_alone() {
    bounded("a real thread", || {
        let (send, receive) = sync_channel(0);
        let other = gevent_threading::sync::mpsc::channel::<()>();
        let real = thread::spawn(move || {
            thread::current().unpark();
            let received = receive.recv();
            let _ = other.1.recv_timeout(Duration::from_millis(1));
            current().unpark();
            park();
            thread::park();
            received
        });
        thread::yield_now();
        send.send(4).expect("it is received");
        assert_eq!(real.join().expect("it does not panic"), Ok(4));
    });
}

#[test]
fn no_token_is_left_behind() {
    everywhere(|team| {
        let (send, receive) = sync_channel(0);
        let member = team.spawn(move || {
            while receive.recv().is_ok() {}
            let begun = Instant::now();
            park_timeout(Duration::from_millis(5));
            begun.elapsed() >= Duration::from_millis(5)
        });
        for number in 0..20 {
            send.send(number).expect("it is received");
        }
        drop(send);
        assert!(member.value());
    });
}
