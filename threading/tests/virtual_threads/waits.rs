//! `park`, `unpark`, `sleep`, `yield_now`; between virtual threads, greenlets and real threads.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use gevent_threading::{current, park, park_timeout, sleep, spawn, supported, yield_now};

#[test]
fn a_token_is_kept_and_there_is_one() {
    let thread = spawn(|| {
        current().unpark();
        current().unpark();
        park();
        let begun = Instant::now();
        park_timeout(Duration::from_millis(5));
        begun.elapsed() >= Duration::from_millis(5)
    });
    assert_eq!(thread.join().ok(), Some(true));
}

#[test]
fn virtual_threads_wake_each_other() {
    let turns = Arc::new(AtomicU32::new(0));
    let (theirs, main) = (turns.clone(), current());
    let thread = spawn(move || {
        for turn in 0..100 {
            while theirs.load(Ordering::Relaxed) != 2 * turn + 1 {
                park();
            }
            theirs.fetch_add(1, Ordering::Relaxed);
            main.unpark();
        }
    });
    for turn in 0..100 {
        turns.fetch_add(1, Ordering::Relaxed);
        thread.thread().unpark();
        while turns.load(Ordering::Relaxed) != 2 * turn + 2 {
            park();
        }
    }
    thread.join().expect("it does not panic");
}

#[test]
fn real_threads_wake_virtual_ones_and_are_woken() {
    let turns = Arc::new(AtomicU32::new(0));
    let theirs = turns.clone();
    let (send, receive) = mpsc::channel();
    let virtual_ = spawn(move || {
        let other = receive
            .recv()
            .map(|thread: gevent_threading::Thread| thread)
            .expect("it is sent");
        for turn in 0..100 {
            while theirs.load(Ordering::Acquire) != 2 * turn + 1 {
                park();
            }
            theirs.fetch_add(1, Ordering::AcqRel);
            other.unpark();
        }
    });
    let handle = virtual_.thread().clone();
    let real = std::thread::spawn(move || {
        // This thread has no hub.
        send.send(current()).expect("it is received");
        for turn in 0..100 {
            turns.fetch_add(1, Ordering::AcqRel);
            handle.unpark();
            while turns.load(Ordering::Acquire) != 2 * turn + 2 {
                park();
            }
        }
    });
    virtual_.join().expect("it does not panic");
    real.join().expect("it does not panic");
}

#[test]
fn a_real_thread_joins_a_virtual_one_of_another_carrier() {
    let (send, receive) = mpsc::channel();
    let joined = Arc::new(AtomicBool::new(false));
    let seen = joined.clone();
    let carrier = std::thread::spawn(move || {
        let go = Arc::new(AtomicBool::new(false));
        let theirs = go.clone();
        let thread = spawn(move || {
            while !theirs.load(Ordering::Acquire) {
                park();
            }
            7
        });
        send.send((thread, go)).expect("it is received");
        // The carrier runs its virtual threads while it waits.
        while !seen.load(Ordering::Acquire) {
            sleep(Duration::from_millis(1));
        }
    });
    let (thread, go) = receive.recv().expect("it is sent");
    go.store(true, Ordering::Release);
    thread.thread().unpark();
    assert_eq!(thread.join().ok(), Some(7));
    joined.store(true, Ordering::Release);
    carrier.join().expect("it does not panic");
}

#[test]
fn a_greenlet_joins_a_virtual_thread_and_others_go_on() {
    let ticks = std::rc::Rc::new(Cell::new(0));
    let its = ticks.clone();
    let ticker = hub::spawn_raw(move || {
        loop {
            its.set(its.get() + 1);
            hub::sleep(0.001)?;
        }
        #[allow(unreachable_code)]
        Ok(())
    });
    let ticker = ticker.expect("there is a hub");
    let result = std::rc::Rc::new(Cell::new(0));
    let its = result.clone();
    let joiner = hub::spawn_raw(move || {
        let thread = spawn(|| {
            sleep(Duration::from_millis(20));
            9
        });
        its.set(thread.join().expect("it does not panic"));
        Ok(())
    });
    let joiner = joiner.expect("there is a hub");
    while !joiner.dead() {
        yield_now();
    }
    assert_eq!(result.get(), 9);
    assert!(ticks.get() > 1);
    hub::kill(&ticker, greenlet_core::GreenletExit).expect("there is a hub");
    yield_now();
}

#[test]
fn an_unpark_before_the_hub_exists_is_not_lost() {
    // Nothing has been waited for in this thread yet.
    let main = current();
    let thread = spawn(move || main.unpark());
    park();
    thread.join().expect("it does not panic");
}

#[test]
fn sleepers_sleep_long_enough_and_in_order() {
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sleeper = |time: u64| {
        let order = order.clone();
        spawn(move || {
            let begun = Instant::now();
            sleep(Duration::from_millis(time));
            order.lock().expect("free").push(time);
            begun.elapsed() >= Duration::from_millis(time)
        })
    };
    let sleepers = [sleeper(200), sleeper(100), sleeper(0)];
    assert!(
        sleepers
            .into_iter()
            .all(|sleeper| sleeper.join().expect("it does not panic"))
    );
    assert_eq!(*order.lock().expect("free"), [0, 100, 200]);
}

#[test]
fn virtual_threads_take_turns() {
    let log = Arc::new(std::sync::Mutex::new(String::new()));
    let write = |letter: char| {
        let log = log.clone();
        spawn(move || {
            for _ in 0..3 {
                log.lock().expect("free").push(letter);
                yield_now();
            }
        })
    };
    let threads = [write('a'), write('b')];
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it does not panic"));
    assert_eq!(*log.lock().expect("free"), "ababab");
}

#[test]
fn whether_they_are_supported_can_be_asked_everywhere() {
    assert_eq!(supported(), Ok(()));
    assert_eq!(spawn(supported).join().ok(), Some(Ok(())));
}

#[test]
fn real_threads_without_a_hub_can_use_all_of_it() {
    let real = std::thread::spawn(|| {
        sleep(Duration::from_millis(1));
        yield_now();
        park_timeout(Duration::from_millis(1));
        current().unpark();
        park();
        hub::get_hub_if_exists().is_none()
    });
    assert!(real.join().expect("it does not panic"));
}
