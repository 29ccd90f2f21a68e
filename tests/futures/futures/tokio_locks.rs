//! The locks of `tokio::sync`, which need no runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use gevent::future::{block_on, spawn_local};
use tokio::sync::{Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, TryAcquireError};

use crate::actors::{Actor, EACH_WAY, Log, each_way, go_in_order, leaves_nothing, once, run, turns};
use crate::support::TestResult;

const ROUNDS: usize = 100;
const ACTORS: usize = 6;

#[test]
fn mutex_goes_on_in_the_order_of_the_line() -> TestResult {
    go_in_order(|log| {
        let mutex = Arc::new(Mutex::new(()));
        let mut held = Some(mutex.clone().try_lock_owned().expect("nobody has it"));
        let waiting = (0..6).map(|i| {
            let (mutex, log) = (mutex.clone(), log.clone());
            async move {
                let _guard = mutex.lock().await;
                log.add(i);
            }
            .boxed()
        });
        (waiting.collect(), Box::new(move || drop(held.take())))
    })
}

/// As it is fair, a greenlet that takes it again and again waits for the others each time.
#[test]
fn mutex_excludes() -> TestResult {
    for by in EACH_WAY {
        let mutex = Arc::new(Mutex::new(0));
        let actor = |_| {
            let mutex = mutex.clone();
            async move {
                for round in 0..ROUNDS {
                    let mut value = mutex.lock().await;
                    let before = *value;
                    if round % 10 == 0 {
                        gevent::sleep(0).expect("nobody throws");
                    }
                    *value = before + 1;
                }
            }
            .boxed()
        };
        run(by, (0..ACTORS).map(actor).collect(), || Ok(()))?;
        assert_eq!(mutex.try_lock().map(|value| *value).ok(), Some(ACTORS * ROUNDS));
    }
    Ok(())
}

/// Who is dropped leaves the line, also when it is its turn already.
#[test]
fn mutex_passes_over_those_who_leave() -> TestResult {
    leaves_nothing(|| {
        let mutex = Arc::new(Mutex::new(()));
        let held = block_on(mutex.clone().lock_owned())?;
        let (mut first, mut second) = (Box::pin(mutex.lock()), Box::pin(mutex.lock()));
        assert!(once(first.as_mut()).is_pending() && once(second.as_mut()).is_pending());
        let last = spawn_local({
            let mutex = mutex.clone();
            async move { drop(mutex.lock().await) }
        });
        turns(1)?;
        drop(first);
        drop(held);
        turns(2)?;
        assert!(!last.ready());
        assert!(mutex.try_lock().is_err());
        drop(second);
        last.get()
    })
}

/// Readers that came before a writer are together, and those behind it wait for it.
#[test]
fn rwlock_keeps_the_order_of_readers_and_writers() -> TestResult {
    go_in_order(|log| {
        let lock = Arc::new(RwLock::new(0));
        let mut held = Some(lock.clone().try_write_owned().expect("nobody has it"));
        let waiting = (0..6).map(|i| {
            let (lock, log) = (lock.clone(), log.clone());
            async move {
                // Each second one writes, so that no two readers are at it at once.
                match i % 2 {
                    0 => {
                        let guard = lock.read().await;
                        assert_eq!(*guard, i / 2);
                        log.add(i);
                    }
                    _ => {
                        let mut guard = lock.write().await;
                        *guard += 1;
                        log.add(i);
                    }
                }
            }
            .boxed()
        });
        (waiting.collect(), Box::new(move || drop(held.take())))
    })
}

#[test]
fn rwlock_shares_and_excludes() -> TestResult {
    leaves_nothing(|| {
        let lock = Arc::new(RwLock::with_max_readers(0, 2));
        let readers = (block_on(lock.read())?, block_on(lock.read())?);
        assert!(lock.try_read().is_err(), "there are as many as may be");
        drop(readers.0);
        let mut writing = Box::pin(lock.write());
        assert!(once(writing.as_mut()).is_pending());
        let its = lock.clone();
        let reading = spawn_local(async move { *its.read().await });
        turns(2)?;
        assert!(!reading.ready(), "it is behind the writer");
        // The writer leaves the line, and readers come together again.
        drop(writing);
        assert_eq!(reading.get()?, 0);
        drop(readers.1);
        let mut guard = block_on(lock.write())?;
        *guard = 5;
        let guard = guard.downgrade();
        assert_eq!((*guard, lock.try_read().map(|value| *value).ok()), (5, Some(5)));
        Ok(())
    })
}

#[test]
fn semaphore_serves_in_the_order_of_the_line() -> TestResult {
    go_in_order(|log| {
        let semaphore = Arc::new(Semaphore::new(0));
        let waiting = (0..6).map(|i| {
            let (semaphore, log) = (semaphore.clone(), log.clone());
            async move {
                semaphore.acquire().await.expect("it is open").forget();
                log.add(i);
            }
            .boxed()
        });
        let waiting = waiting.collect();
        (waiting, Box::new(move || semaphore.add_permits(1)))
    })
}

/// Who wants many permits collects them at the head of the line, and gives them back if it leaves.
#[test]
fn semaphore_who_wants_many_is_not_passed_by() -> TestResult {
    leaves_nothing(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let mut many = Box::pin(semaphore.acquire_many(5));
        assert!(once(many.as_mut()).is_pending());
        let its = semaphore.clone();
        let one = spawn_local(async move { its.acquire().await.map(|permit| permit.forget()).is_ok() });
        turns(2)?;
        semaphore.add_permits(2);
        turns(2)?;
        assert!(!one.ready());
        assert_eq!(semaphore.try_acquire().err(), Some(TryAcquireError::NoPermits));
        drop(many);
        assert!(one.get()?);
        assert_eq!(semaphore.available_permits(), 3);
        let permit = block_on(semaphore.acquire_many(3))?.expect("it is open");
        drop(permit);
        assert_eq!(semaphore.available_permits(), 3);
        assert_eq!(semaphore.forget_permits(5), 3);
        Ok(())
    })
}

#[test]
fn semaphore_closing_wakes_all() -> TestResult {
    each_way(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let waits = |_| {
            let semaphore = semaphore.clone();
            async move {
                assert!(semaphore.acquire_many(2).await.is_err());
                assert_eq!(semaphore.try_acquire().err(), Some(TryAcquireError::Closed));
            }
            .boxed()
        };
        let mut actors: Vec<Actor> = (0..ACTORS).map(waits).collect();
        actors.push(async move { semaphore.close() }.boxed());
        actors
    })
}

#[test]
fn notify_one_goes_in_the_order_of_the_line() -> TestResult {
    go_in_order(|log| {
        let notify = Arc::new(Notify::new());
        let waiting = (0..6).map(|i| {
            let (notified, log) = (notify.clone().notified_owned(), log.clone());
            async move {
                notified.await;
                log.add(i);
            }
            .boxed()
        });
        let waiting = waiting.collect();
        (waiting, Box::new(move || notify.notify_one()))
    })
}

/// `notify_one` stores one permit, and no second one, if nobody waits; `notify_waiters` stores none.
#[test]
fn notify_one_stores_a_permit() -> TestResult {
    leaves_nothing(|| {
        let notify = Notify::new();
        notify.notify_one();
        notify.notify_one();
        block_on(notify.notified())?;
        assert!(notify.notified().now_or_never().is_none());
        notify.notify_waiters();
        assert!(notify.notified().now_or_never().is_none());
        // A future hears of `notify_waiters` from when it is made, before it is polled.
        let notified = notify.notified();
        notify.notify_waiters();
        block_on(notified)
    })
}

/// A future that `notify_one` has chosen, and that is dropped, leaves its turn to the next one.
#[test]
fn notify_passes_over_those_who_leave() -> TestResult {
    leaves_nothing(|| {
        let notify = Arc::new(Notify::new());
        let mut first = Box::pin(notify.notified());
        assert!(first.as_mut().enable() || once(first.as_mut()).is_pending());
        let next = spawn_local(notify.clone().notified_owned());
        turns(1)?;
        notify.notify_one();
        turns(2)?;
        assert!(!next.ready());
        drop(first);
        next.get()?;
        // The last one in the line.
        let (early, late) = (
            spawn_local(notify.clone().notified_owned()),
            spawn_local(notify.clone().notified_owned()),
        );
        turns(1)?;
        notify.notify_last();
        late.get()?;
        assert!(!early.ready());
        // A greenlet that is killed leaves the line, too.
        early.kill()?;
        notify.notify_one();
        block_on(notify.notified())
    })
}

#[test]
fn notify_waiters_wakes_all_who_wait() -> TestResult {
    each_way(|| {
        let (notify, log) = (Arc::new(Notify::new()), Log::default());
        let waits = |_| {
            let (notified, log) = (notify.clone().notified_owned(), log.clone());
            async move {
                log.add(());
                notified.await;
            }
            .boxed()
        };
        let mut actors: Vec<Actor> = (0..ACTORS).map(waits).collect();
        actors.push(
            async move {
                log.reaches(ACTORS).await;
                notify.notify_waiters();
            }
            .boxed(),
        );
        actors
    })
}

#[test]
fn barrier_has_one_leader_a_round() -> TestResult {
    for by in EACH_WAY {
        let barrier = Arc::new(Barrier::new(ACTORS));
        let (leaders, arrived) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let actor = |_| {
            let (barrier, leaders, arrived) = (barrier.clone(), leaders.clone(), arrived.clone());
            async move {
                for round in 1..=ROUNDS {
                    arrived.fetch_add(1, Ordering::SeqCst);
                    let leader = barrier.wait().await.is_leader();
                    assert!(arrived.load(Ordering::SeqCst) >= ACTORS * round);
                    leaders.fetch_add(usize::from(leader), Ordering::SeqCst);
                }
            }
            .boxed()
        };
        run(by, (0..ACTORS).map(actor).collect(), || Ok(()))?;
        assert_eq!(leaders.load(Ordering::SeqCst), ROUNDS);
    }
    Ok(())
}

/// If who initialises it leaves or fails, the next one does it.
#[test]
fn once_cell_is_initialised_once() -> TestResult {
    each_way(|| {
        let (cell, tries) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
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
            }
            .boxed()
        };
        (0..ACTORS).map(actor).collect()
    })
}
