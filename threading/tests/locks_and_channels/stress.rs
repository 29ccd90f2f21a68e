//! Many virtual threads of three carriers, and real threads, with kills among them: what is counted is right.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use gevent_threading::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use gevent_threading::sync::{Arc, Condvar, Mutex, RwLock};
use gevent_threading::{Builder, JoinHandle, yield_now};
use greenlet_core::{GreenletExit, greenlets};

use crate::team::{Carrier, bounded};

const THREADS: u32 = 20;
const TURNS: u32 = 40;

/// Runs a function in many threads: virtual ones of three carriers, some of which are killed again and again as long as
/// the others run; and two real ones. The function gets its number.
fn crowd(f: impl Fn(u32) + Clone + Send + 'static) {
    let carriers = [Carrier::new(), Carrier::new(), Carrier::new()];
    let run = |builder: Builder, carrier: &Carrier, number| {
        let f = f.clone();
        carrier.spawn(builder, move || f(number))
    };
    let steady: Vec<JoinHandle<()>> = (0..THREADS)
        .map(|number| run(Builder::new(), &carriers[number as usize % 3], number))
        .collect();
    let victims: Vec<JoinHandle<()>> = (THREADS..2 * THREADS)
        .map(|number| {
            run(
                Builder::new().name("victim".into()),
                &carriers[number as usize % 3],
                number,
            )
        })
        .collect();
    let real = [2 * THREADS, 2 * THREADS + 1].map(|number| {
        let f = f.clone();
        thread::spawn(move || f(number))
    });
    let is_over = Arc::new(AtomicBool::new(false));
    let killers = carriers.each_ref().map(|carrier| {
        let is_over = is_over.clone();
        // Greenlets belong to the carrier, so a virtual thread could not do this.
        carrier.run(move || spawn_killer(is_over))
    });
    steady
        .into_iter()
        .for_each(|thread| thread.join().expect("nobody kills it"));
    real.into_iter()
        .for_each(|thread| thread.join().expect("nobody kills it"));
    // How many of these are killed is a matter of luck.
    victims.into_iter().for_each(|thread| drop(thread.join()));
    is_over.store(true, Ordering::Relaxed);
    for ended in killers {
        ended.recv().expect_err("its sender is dropped at its end");
    }
}

/// Begins to kill victims of this thread, one after the other. The receiver knows when it has ended.
fn spawn_killer(is_over: Arc<AtomicBool>) -> Receiver<()> {
    let (end, ended) = channel();
    let killer = hub::spawn_raw(move || {
        let _end: Sender<()> = end;
        while !is_over.load(Ordering::Relaxed) {
            let all = greenlets().into_iter();
            let victim = all
                .filter(|greenlet| greenlet.name().as_deref() == Some("victim"))
                .last();
            if let Some(victim) = victim {
                hub::kill(&victim, GreenletExit)?;
            }
            hub::sleep(0.001)?;
        }
        Ok(())
    });
    drop(killer.expect("there is a hub"));
    ended
}

#[test]
fn locks_count() {
    bounded("mutex", || {
        let (count, expected) = (Arc::new(Mutex::new(0_u32)), Arc::new(AtomicU32::new(0)));
        let (theirs, adds) = (count.clone(), expected.clone());
        crowd(move |number| {
            for turn in 0..TURNS {
                let mut count = theirs.lock().unwrap_or_else(|error| error.into_inner());
                let before = *count;
                if (turn + number) % 4 == 0 {
                    yield_now();
                }
                *count = before + 1;
                adds.fetch_add(1, Ordering::Relaxed);
            }
        });
        let count = *count.lock().unwrap_or_else(|error| error.into_inner());
        assert_eq!(count, expected.load(Ordering::Relaxed));
        assert!(count >= (THREADS + 2) * TURNS);
    });
}

#[test]
fn readers_and_writers_count() {
    bounded("lock", || {
        let (lock, expected) = (Arc::new(RwLock::new((0_u32, 0_u32))), Arc::new(AtomicU32::new(0)));
        let (theirs, adds) = (lock.clone(), expected.clone());
        crowd(move |number| {
            for turn in 0..TURNS {
                if (turn + number) % 3 == 0 {
                    let mut both = theirs.write().unwrap_or_else(|error| error.into_inner());
                    both.0 += 1;
                    both.1 += 1;
                    adds.fetch_add(1, Ordering::Relaxed);
                } else {
                    let both = theirs.read().unwrap_or_else(|error| error.into_inner());
                    let before = *both;
                    if turn % 2 == 0 {
                        yield_now();
                    }
                    assert_eq!((before.0, before), (before.1, *both));
                }
            }
        });
        let both = *lock.read().unwrap_or_else(|error| error.into_inner());
        assert_eq!(both.0, expected.load(Ordering::Relaxed));
        assert!(lock.try_write().is_ok() || lock.is_poisoned());
    });
}

/// A pool of things, of which each is had by one thread at a time: if a notification were lost, all would wait for
/// ever.
#[test]
fn notifications_are_not_lost() {
    struct Returns<'a>(&'a (Mutex<u32>, Condvar));
    impl Drop for Returns<'_> {
        fn drop(&mut self) {
            // A kill comes here as well, if no panic is under way: then it tries again.
            let put = || *self.0.0.lock().unwrap_or_else(|error| error.into_inner()) += 1;
            while catch_unwind(AssertUnwindSafe(put)).is_err() {}
            self.0.1.notify_one();
        }
    }
    bounded("condvar", || {
        let pool = Arc::new((Mutex::new(3_u32), Condvar::new()));
        let theirs = pool.clone();
        crowd(move |_| {
            for _ in 0..TURNS {
                let there = theirs.0.lock().unwrap_or_else(|error| error.into_inner());
                let there = theirs.1.wait_while(there, |there| *there == 0);
                *there.unwrap_or_else(|error| error.into_inner()) -= 1;
                let _returns = Returns(&theirs);
                yield_now();
            }
        });
        assert_eq!(*pool.0.lock().unwrap_or_else(|error| error.into_inner()), 3);
    });
}

#[test]
fn values_are_received_once() {
    for bound in [None, Some(0), Some(3)] {
        bounded("channel", move || {
            let (wide, wide_end) = channel();
            let (narrow, narrow_end) = sync_channel(bound.unwrap_or(0));
            let receiver = Carrier::new();
            let counter = receiver.spawn(Builder::new(), move || {
                let mut seen = vec![0_u32; 2 * THREADS as usize + 2];
                let mut count = |(number, turn): (u32, u32)| {
                    let next = &mut seen[number as usize];
                    // A killed sender sends no more; the others' values come in their order.
                    assert_eq!(*next, turn);
                    *next += 1;
                };
                match bound {
                    None => wide_end.into_iter().for_each(&mut count),
                    Some(_) => narrow_end.into_iter().for_each(&mut count),
                }
                seen
            });
            crowd(move |number| {
                for turn in 0..TURNS {
                    match bound {
                        None => wide.send((number, turn)).expect("it is received"),
                        Some(_) => narrow.send((number, turn)).expect("it is received"),
                    }
                    if turn % 8 == 0 {
                        yield_now();
                    }
                }
            });
            let seen = counter.join().expect("it does not panic");
            let steady = (0..THREADS).chain([2 * THREADS, 2 * THREADS + 1]);
            assert!(steady.into_iter().all(|number| seen[number as usize] == TURNS));
        });
    }
}
