//! std's.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel, sync_channel};
use std::sync::{Arc, Barrier, Condvar, LazyLock, LockResult, Mutex, MutexGuard, Once, OnceLock, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::both::{brings_every_value_once, lock_tests};
use crate::team::everywhere;

fn guard<G>(locked: LockResult<G>) -> G {
    locked.unwrap()
}

fn wait<'a>(condvar: &Condvar, guard: MutexGuard<'a, usize>, is_so: impl Fn(usize) -> bool) -> MutexGuard<'a, usize> {
    condvar.wait_while(guard, |value| !is_so(*value)).unwrap()
}

lock_tests!(guard, wait);

#[test]
fn channels_bring_every_value_once() {
    everywhere(|team| {
        let (send, receive) = channel();
        brings_every_value_once(team, send, [receive], |send, value| send.send(value).unwrap());
        for bound in [0, 3] {
            let (send, receive) = sync_channel(bound);
            brings_every_value_once(team, send, [receive], |send, value| send.send(value).unwrap());
        }
    });
}

#[test]
fn a_panic_poisons_a_mutex() {
    everywhere(|team| {
        let mutex = Arc::new(Mutex::new(0));
        let theirs = mutex.clone();
        let panics = team.spawn(move || {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _guard = theirs.lock().unwrap();
                thread::sleep(Duration::from_millis(1));
                std::panic::resume_unwind(Box::new(()));
            }));
            assert!(caught.is_err());
        });
        panics.join();
        assert!(mutex.is_poisoned());
        let other = Arc::new(Mutex::new(0));
        let theirs = other.clone();
        team.spawn(move || *theirs.lock().unwrap() += 1).join();
        assert!(!other.is_poisoned());
    });
}

#[test]
fn each_notification_wakes_one() {
    everywhere(|team| {
        let state = Arc::new((Mutex::new((0, 0)), Condvar::new()));
        let theirs = state.clone();
        let waiters: Vec<_> = (0..8)
            .map(|_| {
                let state = theirs.clone();
                team.spawn(move || {
                    let mut guard = state.0.lock().unwrap();
                    guard.0 += 1;
                    let mut guard = state.1.wait_while(guard, |(_, tokens)| *tokens == 0).unwrap();
                    guard.1 -= 1;
                })
            })
            .collect();
        for waiter in 0..8 {
            loop {
                let mut guard = state.0.lock().unwrap();
                if guard.0 == 8 {
                    guard.1 += 1;
                    state.1.notify_one();
                    break;
                }
                drop(guard);
                thread::yield_now();
                assert!(waiter == 0);
            }
        }
        waiters.into_iter().for_each(|waiter| waiter.join());
    });
}

#[test]
fn a_barrier_has_one_leader_in_each_round() {
    everywhere(|team| {
        let (barrier, leaders) = (Arc::new(Barrier::new(7)), Arc::new(AtomicUsize::new(0)));
        let theirs = leaders.clone();
        team.all(7, move |_| {
            for _ in 0..20 {
                if barrier.wait().is_leader() {
                    theirs.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        assert_eq!(leaders.load(Ordering::Relaxed), 20);
    });
}

#[test]
fn what_is_made_once_is_made_once_and_may_wait() {
    everywhere(|team| {
        let made = Arc::new((Once::new(), AtomicUsize::new(0), OnceLock::new()));
        let lazy: Arc<LazyLock<usize, Box<dyn FnOnce() -> usize + Send>>> = Arc::new(LazyLock::new(Box::new(|| {
            thread::sleep(Duration::from_millis(2));
            5
        })));
        let theirs = made.clone();
        let all = team.all(9, move |number| {
            theirs.0.call_once(|| {
                thread::sleep(Duration::from_millis(2));
                theirs.1.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(theirs.1.load(Ordering::Relaxed), 1);
            let value = *theirs.2.get_or_init(|| {
                thread::sleep(Duration::from_millis(2));
                number
            });
            (value, **lazy)
        });
        assert!(all.iter().all(|pair| *pair == all[0] && pair.1 == 5));
    });
}

#[test]
fn a_receiver_waits_for_its_time() {
    everywhere(|team| {
        team.all(4, |_| {
            let (send, receive) = channel::<u32>();
            let begun = Instant::now();
            let time = Duration::from_millis(3);
            assert_eq!(receive.recv_timeout(time), Err(RecvTimeoutError::Timeout));
            assert!(begun.elapsed() >= time);
            drop(send);
            assert_eq!(receive.recv_timeout(time), Err(RecvTimeoutError::Disconnected));
        });
    });
}

#[test]
fn tokens_of_park_are_kept_and_wake() {
    everywhere(|team| {
        let (tell, told) = channel();
        let go = Arc::new(AtomicBool::new(false));
        let theirs = go.clone();
        let parked = team.spawn(move || {
            tell.send(thread::current()).unwrap();
            while !theirs.load(Ordering::Acquire) {
                thread::park();
            }
            // A token that comes before the park.
            thread::current().unpark();
            thread::park();
            let begun = Instant::now();
            thread::park_timeout(Duration::from_millis(2));
            begun.elapsed()
        });
        let handle = told.recv().unwrap();
        team.spawn(move || {
            go.store(true, Ordering::Release);
            handle.unpark();
        })
        .join();
        let _may_be_early = parked.join();
    });
}

#[test]
fn scopes_wait_for_their_threads() {
    everywhere(|team| {
        let sums = team.all(5, |number| {
            let values: Vec<usize> = (0..20).map(|value| value * number).collect();
            thread::scope(|s| {
                let (one, other) = values.split_at(10);
                let one = s.spawn(move || {
                    thread::sleep(Duration::from_millis(1));
                    one.iter().sum::<usize>()
                });
                let other = s.spawn(move || other.iter().sum::<usize>());
                one.join().unwrap() + other.join().unwrap()
            })
        });
        assert_eq!(sums, [0, 190, 380, 570, 760]);
    });
}
