//! std's own types, in virtual threads: what does not block is right, and what does blocks the carrier.

use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Barrier, LazyLock, Mutex, Once, OnceLock, RwLock};

use gevent_threading::{spawn, yield_now};
use parking_lot::ReentrantMutex;

#[test]
fn channels_carry_values() {
    let (send, receive) = mpsc::channel();
    let receiver = spawn(move || {
        let mut all = Vec::new();
        loop {
            match receive.try_recv() {
                Ok(value) => all.push(value),
                Err(TryRecvError::Empty) => yield_now(),
                Err(TryRecvError::Disconnected) => return all,
            }
        }
    });
    let senders: Vec<_> = (0..10_u32)
        .map(|number| {
            let send = send.clone();
            spawn(move || {
                yield_now();
                send.send(number).expect("it is received");
            })
        })
        .collect();
    drop(send);
    senders
        .into_iter()
        .for_each(|sender| sender.join().expect("it does not panic"));
    let mut all = receiver.join().expect("it does not panic");
    all.sort();
    assert_eq!(all, (0..10).collect::<Vec<_>>());
}

#[test]
fn what_is_made_once_is_made_once() {
    static ONCE: Once = Once::new();
    static CELL: OnceLock<u32> = OnceLock::new();
    static LAZY: LazyLock<u32> = LazyLock::new(|| 3);
    let look = |number| {
        move || {
            let mut first = false;
            ONCE.call_once(|| first = true);
            (first, *CELL.get_or_init(|| number), *LAZY)
        }
    };
    let threads = [spawn(look(1)), spawn(look(2))];
    let seen = threads.map(|thread| thread.join().expect("it does not panic"));
    assert_eq!(seen, [(true, 1, 3), (false, 1, 3)]);
}

#[test]
fn a_reentrant_lock_knows_its_thread() {
    static LOCK: ReentrantMutex<()> = ReentrantMutex::new(());
    let holder = spawn(|| {
        let _outer = LOCK.lock();
        yield_now();
        let _inner = LOCK.lock();
        yield_now();
    });
    yield_now();
    // A lock that went by the carrier would be free for this one.
    let other = spawn(|| LOCK.try_lock().is_none());
    assert_eq!(other.join().ok(), Some(true));
    holder.join().expect("it does not panic");
    assert!(LOCK.try_lock().is_some());
}

#[test]
fn locks_are_held_over_waits() {
    let (mutex, rw) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(0)));
    let (theirs, their_rw) = (mutex.clone(), rw.clone());
    let holder = spawn(move || {
        let (mut guard, mut write) = (theirs.lock().expect("free"), their_rw.write().expect("free"));
        yield_now();
        *guard += 1;
        *write += 1;
    });
    yield_now();
    assert!(mutex.try_lock().is_err() && rw.try_read().is_err());
    holder.join().expect("it does not panic");
    assert_eq!((*mutex.lock().expect("free"), *rw.read().expect("free")), (1, 1));
}

#[test]
fn a_barrier_of_one_is_passed_by_each() {
    let barrier = Arc::new(Barrier::new(1));
    let pass = || {
        let barrier = barrier.clone();
        spawn(move || barrier.wait().is_leader())
    };
    assert!(
        [pass(), pass()]
            .into_iter()
            .all(|thread| thread.join().expect("it does not panic"))
    );
}

#[test]
fn printing_and_random_hashes_work() {
    let thread = spawn(|| {
        let mut map = std::collections::HashMap::new();
        map.insert("key", 1);
        // `stdout` has a lock that knows its thread, and a buffer.
        let mut out = std::io::stdout().lock();
        yield_now();
        std::io::Write::flush(&mut out).expect("it is open");
        map["key"]
    });
    assert_eq!(thread.join().ok(), Some(1));
}
