//! Those of parking_lot and crossbeam-channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded, select, unbounded};
use parking_lot::{Condvar, FairMutex, Mutex, Once, ReentrantMutex, RwLock};

use crate::team::everywhere;

#[test]
fn parking_lots_mutexes_let_one_in() {
    everywhere(|team| {
        let both = Arc::new((Mutex::new(0), FairMutex::new(0)));
        let theirs = both.clone();
        team.all(12, move |_| {
            for turn in 0..20 {
                let mut guard = theirs.0.lock();
                let old = *guard;
                if turn % 8 == 0 {
                    thread::yield_now();
                }
                *guard = old + 1;
                drop(guard);
                let mut guard = theirs.1.lock();
                let old = *guard;
                thread::yield_now();
                *guard = old + 1;
            }
        });
        assert_eq!((*both.0.lock(), *both.1.lock()), (240, 240));
    });
}

#[test]
fn parking_lots_condition_variables_give_turns() {
    everywhere(|team| {
        const MEMBERS: usize = 6;
        let turn = Arc::new((Mutex::new(0), Condvar::new()));
        let theirs = turn.clone();
        team.all(MEMBERS, move |number| {
            for round in 0..30 {
                let mine = round * MEMBERS + number;
                let mut turn = theirs.0.lock();
                theirs.1.wait_while(&mut turn, |turn| *turn != mine);
                *turn += 1;
                theirs.1.notify_all();
            }
        });
        let mut guard = turn.0.lock();
        assert_eq!(*guard, MEMBERS * 30);
        assert!(turn.1.wait_for(&mut guard, Duration::from_millis(2)).timed_out());
    });
}

#[test]
fn parking_lots_other_locks() {
    everywhere(|team| {
        let all = Arc::new((
            RwLock::new((0, 0)),
            ReentrantMutex::new(AtomicUsize::new(0)),
            Once::new(),
        ));
        let theirs = all.clone();
        team.all(9, move |number| {
            theirs.2.call_once(|| thread::sleep(Duration::from_millis(1)));
            for _ in 0..20 {
                if number % 3 == 0 {
                    let mut pair = theirs.0.write();
                    pair.0 += 1;
                    thread::yield_now();
                    pair.1 += 1;
                } else {
                    let pair = theirs.0.read();
                    thread::yield_now();
                    assert_eq!(pair.0, pair.1);
                }
                let outer = theirs.1.lock();
                let inner = theirs.1.lock();
                let old = inner.load(Ordering::Relaxed);
                thread::yield_now();
                outer.store(old + 1, Ordering::Relaxed);
            }
        });
        assert_eq!(*all.0.read(), (60, 60));
        assert_eq!(all.1.lock().load(Ordering::Relaxed), 180);
    });
}

#[test]
fn crossbeams_channels_bring_every_value_once() {
    everywhere(|team| {
        for (send, receive) in [unbounded(), bounded(0), bounded(3)] {
            for number in 0..4 {
                let send = send.clone();
                drop(team.spawn(move || (0..25).for_each(|value| send.send(number * 25 + value).unwrap())));
            }
            drop(send);
            // Several receivers.
            let mut all: Vec<u32> = team.all(3, move |_| receive.iter().collect::<Vec<_>>()).concat();
            all.sort_unstable();
            assert_eq!(all, (0..100).collect::<Vec<_>>());
        }
    });
}

#[test]
fn crossbeams_select_takes_what_comes() {
    everywhere(|team| {
        let ((send, one), (other_send, other)) = (bounded(0), unbounded());
        // A channel that has ended would be taken again and again.
        let _open = (send.clone(), other_send.clone());
        let sender = team.spawn(move || (0..50).for_each(|value| send.send(value).unwrap()));
        let other_sender = team.spawn(move || (50..100).for_each(|value| other_send.send(value).unwrap()));
        let selects = team.spawn(move || {
            let mut all = Vec::new();
            while all.len() < 100 {
                select! {
                    recv(one) -> value => all.extend(value.ok()),
                    recv(other) -> value => all.extend(value.ok()),
                }
            }
            all.sort_unstable();
            let (_send, never) = bounded::<u32>(0);
            assert_eq!(
                never.recv_timeout(Duration::from_millis(2)),
                Err(RecvTimeoutError::Timeout)
            );
            all
        });
        assert_eq!(selects.join(), (0..100).collect::<Vec<_>>());
        sender.join();
        other_sender.join();
    });
}
