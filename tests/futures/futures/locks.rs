//! The mutex of `futures`, the locks of `async-lock`, and the events of `event-listener`.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use event_listener::{Event, Listener};
use futures::FutureExt;
use gevent::future::{block_on, spawn_local};

use crate::actors::{Actor, EACH_WAY, Log, each_way, go_in_order, leaves_nothing, once, run, turns};
use crate::support::TestResult;

/// How often each actor takes the lock.
const ROUNDS: usize = 100;
const ACTORS: usize = 6;

/// Lets others run while a lock is held.
async fn pause(round: usize) {
    if round.is_multiple_of(10) {
        gevent::sleep(0).expect("nobody throws");
    }
}

/// Actors that do `act` in each round.
fn actors<F>(act: impl Fn(usize) -> F + Clone + Send + 'static) -> Vec<Actor>
where
    F: Future<Output = ()> + Send,
{
    let actor = |_| {
        let act = act.clone();
        async move {
            for round in 0..ROUNDS {
                act(round).await;
            }
        }
        .boxed()
    };
    (0..ACTORS).map(actor).collect()
}

#[test]
fn futures_mutex_excludes() -> TestResult {
    for by in EACH_WAY {
        let mutex = Arc::new(futures::lock::Mutex::new(0));
        let its = mutex.clone();
        let add = move |round| {
            let mutex = its.clone();
            async move {
                let mut value = mutex.lock().await;
                let before = *value;
                pause(round).await;
                *value = before + 1;
            }
        };
        run(by, actors(add), || Ok(()))?;
        assert_eq!(*mutex.try_lock().expect("nobody has it"), ACTORS * ROUNDS);
    }
    Ok(())
}

/// A dropped future passes on that the lock is free; the lock goes on when its holder is killed.
#[test]
fn futures_mutex_survives_those_who_leave() -> TestResult {
    leaves_nothing(|| {
        let mutex = Arc::new(futures::lock::Mutex::new(()));
        let guard = mutex.try_lock().expect("nobody has it");
        let mut dropped = Box::pin(mutex.lock());
        assert!(once(dropped.as_mut()).is_pending());
        let next = spawn_local({
            let mutex = mutex.clone();
            async move {
                let _guard = mutex.lock().await;
                std::future::pending::<()>().await;
            }
        });
        let last = spawn_local({
            let mutex = mutex.clone();
            async move { drop(mutex.lock_owned().await) }
        });
        turns(2)?;
        drop(guard);
        drop(dropped);
        turns(3)?;
        assert!(mutex.try_lock().is_none());
        next.kill()?;
        last.get()
    })
}

#[test]
fn async_lock_mutex_excludes() -> TestResult {
    for by in EACH_WAY {
        let mutex = Arc::new(async_lock::Mutex::new(0));
        let its = mutex.clone();
        let add = move |round| {
            let mutex = its.clone();
            async move {
                let mut value = mutex.lock_arc().await;
                let before = *value;
                pause(round).await;
                *value = before + 1;
            }
        };
        run(by, actors(add), || Ok(()))?;
        assert_eq!(mutex.try_lock().map(|value| *value), Some(ACTORS * ROUNDS));
    }
    Ok(())
}

/// Readers share, a writer is alone, and what a reader may upgrade is read and written as one.
#[test]
fn async_lock_rwlock_shares_and_excludes() -> TestResult {
    for by in EACH_WAY {
        let lock = Arc::new(async_lock::RwLock::new((0, 0)));
        let (its, readers) = (lock.clone(), Arc::new(AtomicUsize::new(0)));
        let act = move |round| {
            let (lock, readers) = (its.clone(), readers.clone());
            async move {
                match round % 3 {
                    0 => {
                        let mut pair = lock.write().await;
                        assert_eq!(readers.load(Ordering::SeqCst), 0);
                        pair.0 += 1;
                        pause(round).await;
                        pair.1 += 1;
                    }
                    1 => {
                        let pair = lock.upgradable_read().await;
                        let seen = *pair;
                        let mut pair = async_lock::RwLockUpgradableReadGuard::upgrade(pair).await;
                        assert_eq!(*pair, seen);
                        *pair = (seen.0 + 1, seen.1 + 1);
                    }
                    _ => {
                        let pair = lock.read().await;
                        readers.fetch_add(1, Ordering::SeqCst);
                        pause(round).await;
                        assert_eq!(pair.0, pair.1);
                        readers.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            }
        };
        run(by, actors(act), || Ok(()))?;
        let written = (0..ROUNDS).filter(|round| round % 3 < 2).count() * ACTORS;
        assert_eq!(lock.try_read().map(|pair| *pair), Some((written, written)));
    }
    Ok(())
}

/// A writer that waits comes before readers that come after it.
#[test]
fn async_lock_rwlock_prefers_writers() -> TestResult {
    leaves_nothing(|| {
        let (lock, log) = (Arc::new(async_lock::RwLock::new(())), Log::default());
        let reading = block_on(lock.read())?;
        let (its, told) = (lock.clone(), log.clone());
        let writer = spawn_local(async move {
            let _writing = its.write().await;
            told.add("writer");
        });
        turns(1)?;
        assert!(lock.try_read().is_none());
        let (its, told) = (lock.clone(), log.clone());
        let reader = spawn_local(async move {
            let _reading = its.read().await;
            told.add("reader");
        });
        turns(2)?;
        assert_eq!(log.len(), 0);
        drop(reading);
        gevent::joinall([&writer, &reader])?;
        assert_eq!(log.take(), ["writer", "reader"]);
        Ok(())
    })
}

#[test]
fn async_lock_semaphore_admits_so_many() -> TestResult {
    for by in EACH_WAY {
        let semaphore = Arc::new(async_lock::Semaphore::new(2));
        let (its, inside) = (semaphore.clone(), Arc::new(AtomicUsize::new(0)));
        let act = move |round| {
            let (semaphore, inside) = (its.clone(), inside.clone());
            async move {
                let permit = semaphore.acquire_arc().await;
                assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                pause(round).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                drop(permit);
            }
        };
        run(by, actors(act), || Ok(()))?;
        let permits = (
            semaphore.try_acquire(),
            semaphore.try_acquire(),
            semaphore.try_acquire(),
        );
        assert!(permits.0.is_some() && permits.1.is_some() && permits.2.is_none());
        semaphore.add_permits(1);
        assert!(semaphore.try_acquire().is_some());
    }
    Ok(())
}

/// Nobody passes before all are there, one of them is the leader, and the barrier can be used again.
#[test]
fn async_lock_barrier_has_one_leader_a_round() -> TestResult {
    for by in EACH_WAY {
        let barrier = Arc::new(async_lock::Barrier::new(ACTORS));
        let (leaders, arrived) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let its = leaders.clone();
        let act = move |round| {
            let (barrier, leaders, arrived) = (barrier.clone(), its.clone(), arrived.clone());
            async move {
                arrived.fetch_add(1, Ordering::SeqCst);
                let leader = barrier.wait().await.is_leader();
                assert!(arrived.load(Ordering::SeqCst) >= ACTORS * (round + 1));
                leaders.fetch_add(usize::from(leader), Ordering::SeqCst);
            }
        };
        run(by, actors(act), || Ok(()))?;
        assert_eq!(leaders.load(Ordering::SeqCst), ROUNDS);
    }
    Ok(())
}

/// One initialises the cell, and the others wait for it; if that fails, the next one tries.
#[test]
fn async_lock_once_cell_is_initialised_once() -> TestResult {
    each_way(|| {
        let (cell, tries) = (Arc::new(async_lock::OnceCell::new()), Arc::new(AtomicUsize::new(0)));
        let actor = |_| {
            let (cell, tries) = (cell.clone(), tries.clone());
            async move {
                let init = || async {
                    let tries = tries.fetch_add(1, Ordering::SeqCst);
                    gevent::sleep(0).expect("nobody throws");
                    if tries < 2 { Err(()) } else { Ok(tries) }
                };
                let value = loop {
                    if let Ok(value) = cell.get_or_try_init(init).await {
                        break *value;
                    }
                };
                assert_eq!(value, 2);
                assert_eq!(*cell.wait().await, 2);
            }
            .boxed()
        };
        (0..ACTORS).map(actor).collect()
    })
}

/// `notify(n)` counts those who have been told already, `notify_additional(n)` does not; the first in the line come
/// first.
#[test]
fn event_listener_counts_whom_it_tells() -> TestResult {
    leaves_nothing(|| {
        let event = Event::new();
        let mut listeners: Vec<_> = (0..6).map(|_| Some(event.listen())).collect();
        let mut told = || -> Result<Vec<usize>, gevent::Exception> {
            let mut told = Vec::new();
            for (i, listener) in listeners.iter_mut().enumerate() {
                if listener
                    .as_mut()
                    .is_some_and(|listener| listener.now_or_never().is_some())
                {
                    drop(listener.take());
                    told.push(i);
                }
            }
            Ok(told)
        };
        assert_eq!(told()?, []);
        event.notify(1);
        event.notify(1);
        event.notify(2);
        assert_eq!(told()?, [0, 1]);
        event.notify_additional(1);
        event.notify_additional(1);
        assert_eq!(told()?, [2, 3]);
        event.notify(usize::MAX);
        assert_eq!(told()?, [4, 5]);
        // Who listens later is not told.
        assert!(event.listen().now_or_never().is_none());
        Ok(())
    })
}

#[test]
fn event_listeners_are_told_in_order() -> TestResult {
    go_in_order(|log| {
        let event = Arc::new(Event::new());
        let waiting = (0..6).map(|i| {
            let (listener, log) = (event.listen(), log.clone());
            async move {
                listener.await;
                log.add(i);
            }
            .boxed()
        });
        let waiting = waiting.collect();
        let release = move || {
            event.notify_additional(1);
        };
        (waiting, Box::new(release))
    })
}

/// A listener that was told, and is dropped, passes that on.
#[test]
fn event_listeners_that_are_dropped_pass_it_on() -> TestResult {
    leaves_nothing(|| {
        let event = Event::new();
        let (first, second) = (event.listen(), event.listen());
        let waiting = spawn_local(second);
        turns(1)?;
        event.notify(1);
        turns(2)?;
        assert!(!waiting.ready());
        drop(first);
        waiting.get()?;
        let listener = event.listen();
        assert!(!listener.discard());
        Ok(())
    })
}

/// As its page shows: listen, look again, wait. No flag that is set is overlooked.
#[test]
fn event_listeners_overlook_no_flag() -> TestResult {
    each_way(|| {
        let flags: Arc<[(AtomicBool, Event)]> = (0..ROUNDS).map(|_| (AtomicBool::new(false), Event::new())).collect();
        let waits = |_| {
            let flags = flags.clone();
            async move {
                for (flag, event) in &*flags {
                    while !flag.load(Ordering::SeqCst) {
                        let listener = event.listen();
                        if !flag.load(Ordering::SeqCst) {
                            listener.await;
                        }
                    }
                }
            }
            .boxed()
        };
        let mut actors: Vec<Actor> = (0..ACTORS).map(waits).collect();
        let flags = flags.clone();
        actors.push(
            async move {
                for (round, (flag, event)) in flags.iter().enumerate() {
                    pause(round).await;
                    flag.store(true, Ordering::SeqCst);
                    event.notify(usize::MAX);
                }
            }
            .boxed(),
        );
        actors
    })
}

/// A listener on the stack of the greenlet, without an allocation.
#[test]
fn event_listeners_on_the_stack() -> TestResult {
    leaves_nothing(|| {
        let (event, done) = (std::rc::Rc::new(Event::new()), std::rc::Rc::new(Cell::new(false)));
        let (its, told) = (event.clone(), done.clone());
        let waiting = spawn_local(async move {
            event_listener::listener!(its => listener);
            pin!(listener).await;
            told.set(true);
        });
        turns(1)?;
        event.notify(1);
        waiting.get()?;
        assert!(done.get());
        Ok(())
    })
}
