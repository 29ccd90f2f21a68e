//! Those of parking_lot and crossbeam-channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded, select, unbounded};
use parking_lot::{Condvar, FairMutex, Mutex, MutexGuard, Once, ReentrantMutex, RwLock};

use crate::both::{brings_every_value_once, lock_tests};
use crate::team::everywhere;

fn guard<G>(guard: G) -> G {
    guard
}

fn wait<'a>(
    condvar: &Condvar,
    mut guard: MutexGuard<'a, usize>,
    is_so: impl Fn(usize) -> bool,
) -> MutexGuard<'a, usize> {
    condvar.wait_while(&mut guard, |value| !is_so(*value));
    guard
}

lock_tests!(guard, wait);

#[test]
fn a_fair_mutex_lets_one_in() {
    everywhere(|team| {
        let mutex = Arc::new(FairMutex::new(0));
        let theirs = mutex.clone();
        team.all(12, move |_| {
            for _ in 0..20 {
                let mut guard = theirs.lock();
                let old = *guard;
                thread::yield_now();
                *guard = old + 1;
            }
        });
        assert_eq!(*mutex.lock(), 240);
    });
}

#[test]
fn a_wait_for_a_condition_variable_has_its_time() {
    everywhere(|team| {
        team.all(4, |_| {
            let (mutex, condvar) = (Mutex::new(()), Condvar::new());
            assert!(
                condvar
                    .wait_for(&mut mutex.lock(), Duration::from_millis(2))
                    .timed_out()
            );
        });
    });
}

#[test]
fn parking_lots_other_locks() {
    everywhere(|team| {
        let all = Arc::new((ReentrantMutex::new(AtomicUsize::new(0)), Once::new()));
        let theirs = all.clone();
        team.all(9, move |_| {
            theirs.1.call_once(|| thread::sleep(Duration::from_millis(1)));
            for _ in 0..20 {
                let outer = theirs.0.lock();
                let inner = theirs.0.lock();
                let old = inner.load(Ordering::Relaxed);
                thread::yield_now();
                outer.store(old + 1, Ordering::Relaxed);
            }
        });
        assert_eq!(all.0.lock().load(Ordering::Relaxed), 180);
    });
}

#[test]
fn crossbeams_channels_bring_every_value_once() {
    everywhere(|team| {
        for (send, receive) in [unbounded(), bounded(0), bounded(3)] {
            let receivers = [receive.clone(), receive.clone(), receive];
            brings_every_value_once(team, send, receivers, |send, value| send.send(value).unwrap());
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
