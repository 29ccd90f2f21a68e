//! The channels of `tokio::sync`, which need no runtime.

use std::sync::Arc;

use futures::FutureExt;
use gevent::future::{block_on, spawn_local};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{SetOnce, broadcast, mpsc, oneshot, watch};

use crate::actors::{Actor, EACH_WAY, Log, each_way, go_in_order, leaves_nothing, once, run, turns};
use crate::support::TestResult;

const MESSAGES: usize = 200;
const ACTORS: usize = 4;

#[test]
fn oneshot_a_value_or_the_end() -> TestResult {
    each_way(|| {
        let (sender, receiver) = oneshot::channel();
        let (none, gone) = oneshot::channel::<u8>();
        let (mut told, closed) = oneshot::channel();
        vec![
            async move { assert_eq!(receiver.await, Ok(5)) }.boxed(),
            async move { assert!(gone.await.is_err()) }.boxed(),
            async move {
                told.closed().await;
                assert!(told.is_closed());
                assert_eq!(told.send(1), Err(1));
            }
            .boxed(),
            async move {
                assert_eq!(sender.send(5), Ok(()));
                drop((none, closed));
            }
            .boxed(),
        ]
    })?;
    let (sender, mut receiver) = oneshot::channel();
    assert_eq!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Empty));
    assert_eq!(sender.send(3), Ok(()));
    receiver.close();
    assert_eq!(block_on(receiver)?, Ok(3));
    Ok(())
}

#[test]
fn mpsc_each_senders_messages_come_in_order() -> TestResult {
    for place in [1, 16] {
        each_way(|| {
            let (sender, mut receiver) = mpsc::channel(place);
            let send = |who| {
                let sender = sender.clone();
                async move {
                    for message in 0..MESSAGES {
                        sender.send((who, message)).await.expect("it is received");
                    }
                }
                .boxed()
            };
            let mut actors: Vec<Actor> = (0..ACTORS).map(send).collect();
            actors.push(
                async move {
                    let (mut next, mut many) = ([0; ACTORS], Vec::new());
                    while receiver.recv_many(&mut many, 7).await > 0 {
                        assert!(many.len() <= 7);
                        for (who, message) in many.drain(..) {
                            assert_eq!(message, next[who]);
                            next[who] += 1;
                        }
                    }
                    assert_eq!(next, [MESSAGES; ACTORS]);
                }
                .boxed(),
            );
            drop(sender);
            actors
        })?;
    }
    Ok(())
}

/// Senders wait in a line for the places of a full channel.
#[test]
fn mpsc_senders_go_in_the_order_of_the_line() -> TestResult {
    go_in_order(|log| {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.try_send(0).expect("it is empty");
        let waiting = (0..6).map(|i| {
            let (sender, log) = (sender.clone(), log.clone());
            async move {
                let permit = sender.reserve().await.expect("it is open");
                log.add(i);
                permit.send(i);
            }
            .boxed()
        });
        let release = move || {
            // The one before may be about to send.
            assert!(block_on(receiver.recv()).expect("nobody throws").is_some());
        };
        (waiting.collect(), Box::new(release))
    })
}

/// A `recv` that is dropped loses nothing; a place that was reserved, or waited for, is given back.
#[test]
fn mpsc_dropped_futures_lose_nothing() -> TestResult {
    leaves_nothing(|| {
        let (sender, mut receiver) = mpsc::channel(1);
        for message in 0..10 {
            assert!(receiver.recv().now_or_never().is_none());
            assert!(sender.try_send(message).is_ok());
            assert_eq!(block_on(receiver.recv())?, Some(message));
        }
        drop(sender.try_reserve().expect("it is empty"));
        sender.try_send(10).expect("it is empty");
        let mut dropped = Box::pin(sender.reserve());
        assert!(once(dropped.as_mut()).is_pending());
        let its = sender.clone();
        let waiting = spawn_local(async move { its.send(11).await.is_ok() });
        turns(1)?;
        assert_eq!(block_on(receiver.recv())?, Some(10));
        turns(2)?;
        assert!(!waiting.ready(), "it is the turn of the other one");
        drop(dropped);
        assert!(waiting.get()?);
        assert_eq!(block_on(receiver.recv())?, Some(11));
        Ok(())
    })
}

#[test]
fn mpsc_closed_by_either_side() -> TestResult {
    each_way(|| {
        let (sender, mut receiver) = mpsc::channel(2);
        let (unbounded, mut all) = mpsc::unbounded_channel();
        let (reserved, tell) = oneshot::channel();
        let (weak, told) = (unbounded.downgrade(), sender.clone());
        vec![
            async move {
                sender.send(1).await.expect("it is open");
                let permit = sender.reserve().await.expect("it is open");
                reserved.send(()).expect("it waits");
                assert!(sender.send(3).await.is_err(), "the close ends the wait");
                permit.send(2);
            }
            .boxed(),
            async move {
                told.closed().await;
                assert!(told.is_closed());
            }
            .boxed(),
            async move {
                tell.await.expect("it tells");
                receiver.close();
                // What was reserved before can still be sent, and is waited for.
                assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), Some(2)));
                assert_eq!(receiver.recv().await, None);
            }
            .boxed(),
            async move {
                (0..MESSAGES).for_each(|i| unbounded.send(i).expect("it is open"));
                drop(unbounded);
                assert!(weak.upgrade().is_none());
            }
            .boxed(),
            async move {
                for i in 0..MESSAGES {
                    assert_eq!(all.recv().await, Some(i));
                }
                assert_eq!(all.recv().await, None);
            }
            .boxed(),
        ]
    })
}

/// Receivers see the latest value, not each of them, and never an older one after a newer one.
#[test]
fn watch_receivers_see_the_latest_value() -> TestResult {
    each_way(|| {
        let (sender, receiver) = watch::channel(0);
        let sees = |_| {
            let mut receiver = receiver.clone();
            async move {
                let mut seen = *receiver.borrow_and_update();
                while receiver.changed().await.is_ok() {
                    let value = *receiver.borrow_and_update();
                    assert!(value > seen);
                    seen = value;
                }
                assert_eq!(seen, MESSAGES, "the last one is seen before the end");
            }
            .boxed()
        };
        let mut actors: Vec<Actor> = (0..ACTORS).map(sees).collect();
        let mut waits = receiver.clone();
        actors.push(async move { assert!(waits.wait_for(|value| *value >= MESSAGES / 2).await.is_ok()) }.boxed());
        actors.push(
            async move {
                drop(receiver);
                for value in 1..=MESSAGES {
                    // Nobody may be left that receives.
                    let _ = sender.send_replace(value);
                    assert!(!sender.send_if_modified(|_| false));
                    if value % 10 == 0 {
                        gevent::sleep(0).expect("nobody throws");
                    }
                }
                drop(sender);
            }
            .boxed(),
        );
        actors
    })?;
    leaves_nothing(|| {
        let (sender, mut receiver) = watch::channel(0);
        // The first value counts as seen.
        assert!(receiver.changed().now_or_never().is_none());
        let waiting = spawn_local(async move { sender.closed().await });
        turns(1)?;
        receiver.mark_changed();
        assert!(block_on(receiver.changed())?.is_ok());
        drop(receiver);
        waiting.get()
    })
}

/// Each receiver gets each message that is sent after it was made, in order.
#[test]
fn broadcast_each_receiver_gets_all() -> TestResult {
    each_way(|| {
        let (sender, receiver) = broadcast::channel(MESSAGES);
        drop(receiver);
        let gets = |_| {
            let mut receiver = sender.subscribe();
            async move {
                for message in 0..MESSAGES {
                    assert_eq!(receiver.recv().await, Ok(message));
                }
                assert_eq!(receiver.recv().await, Err(RecvError::Closed));
            }
            .boxed()
        };
        let mut actors: Vec<Actor> = (0..ACTORS).map(gets).collect();
        actors.push(
            async move {
                for message in 0..MESSAGES {
                    assert!(sender.send(message).is_ok());
                    if message % 20 == 0 {
                        gevent::sleep(0).expect("nobody throws");
                    }
                }
            }
            .boxed(),
        );
        actors
    })
}

/// Who lags is told how many messages it has lost, and goes on with the oldest that is kept.
#[test]
fn broadcast_tells_who_lags() -> TestResult {
    leaves_nothing(|| {
        let (sender, mut slow) = broadcast::channel(4);
        let mut quick = sender.subscribe();
        let receiving = spawn_local(async move {
            let mut got = Vec::new();
            while let Ok(message) = quick.recv().await {
                got.push(message);
            }
            got
        });
        for message in 0..10 {
            assert!(sender.send(message).is_ok());
            // One turn wakes it, and the next one it runs.
            turns(2)?;
        }
        assert_eq!(block_on(slow.recv())?, Err(RecvError::Lagged(6)));
        for message in 6..10 {
            assert_eq!(block_on(slow.recv())?, Ok(message));
        }
        assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));
        // A `recv` that is dropped loses nothing.
        assert!(slow.recv().now_or_never().is_none());
        assert!(sender.send(10).is_ok());
        assert_eq!(block_on(slow.recv())?, Ok(10));
        drop(sender);
        assert_eq!(block_on(slow.recv())?, Err(RecvError::Closed));
        assert_eq!(receiving.get()?, (0..11).collect::<Vec<_>>());
        Ok(())
    })
}

/// Threads that lag lose messages, but get what they get in order, and always the last one.
#[test]
fn broadcast_who_lags_goes_on() -> TestResult {
    for by in EACH_WAY {
        let (sender, _) = broadcast::channel(8);
        let ends = Log::default();
        let gets = |who| {
            let (mut receiver, ends) = (sender.subscribe(), ends.clone());
            async move {
                let mut next = 0;
                loop {
                    match receiver.recv().await {
                        Ok(message) => {
                            assert_eq!(message, next);
                            next += 1;
                        }
                        Err(RecvError::Lagged(lost)) => next += lost,
                        Err(RecvError::Closed) => break,
                    }
                }
                assert_eq!(next, 2000);
                ends.add(who);
            }
            .boxed()
        };
        let mut actors: Vec<Actor> = (0..ACTORS).map(gets).collect();
        actors.push(async move { (0..2000).for_each(|message: u64| drop(sender.send(message))) }.boxed());
        run(by, actors, || Ok(()))?;
        ends.assert_has_each_once(ACTORS);
    }
    Ok(())
}

#[test]
fn set_once_wakes_all_who_wait() -> TestResult {
    each_way(|| {
        let cell = Arc::new(SetOnce::new());
        let waits = |_| {
            let cell = cell.clone();
            async move { assert_eq!(*cell.wait().await, 7) }.boxed()
        };
        let mut actors: Vec<Actor> = (0..ACTORS).map(waits).collect();
        actors.push(
            async move {
                assert!(cell.set(7).is_ok());
                assert!(cell.set(8).is_err());
            }
            .boxed(),
        );
        actors
    })
}
