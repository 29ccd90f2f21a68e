//! The channels and streams of `futures`, and those of `async-channel`.

use std::pin::pin;

use futures::channel::{mpsc, oneshot};
use futures::future::join;
use futures::stream::{self, StreamExt};
use futures::{FutureExt, SinkExt};
use gevent::event::AsyncResult;
use gevent::future::{block_on, spawn_local};
use gevent::{sleep, spawn};

use crate::actors::{Actor, EACH_WAY, Log, each_way, leaves_nothing, once, run, turns};
use crate::support::TestResult;

/// Messages of each sender.
const MESSAGES: usize = 200;
const SENDERS: usize = 4;

#[test]
fn oneshot_a_value_or_the_end_of_the_sender() -> TestResult {
    each_way(|| {
        let (sender, receiver) = oneshot::channel();
        let (none, canceled) = oneshot::channel::<u8>();
        vec![
            async move { assert_eq!(receiver.await, Ok(5)) }.boxed(),
            async move { assert_eq!(canceled.await, Err(oneshot::Canceled)) }.boxed(),
            async move {
                assert_eq!(sender.send(5), Ok(()));
                drop(none);
            }
            .boxed(),
        ]
    })
}

#[test]
fn oneshot_the_sender_is_told_of_the_receivers_end() -> TestResult {
    each_way(|| {
        let (mut sender, receiver) = oneshot::channel::<u8>();
        let (mut other, mut closed) = oneshot::channel::<u8>();
        vec![
            async move {
                sender.cancellation().await;
                assert!(sender.is_canceled());
                assert_eq!(sender.send(1), Err(1));
            }
            .boxed(),
            async move {
                other.cancellation().await;
                assert_eq!(other.send(2), Err(2));
            }
            .boxed(),
            async move {
                drop(receiver);
                closed.close();
                assert_eq!(closed.await, Err(oneshot::Canceled));
            }
            .boxed(),
        ]
    })?;
    // What was sent before it was closed is there.
    let (sender, mut receiver) = oneshot::channel();
    assert_eq!(sender.send(3), Ok(()));
    receiver.close();
    assert_eq!(block_on(receiver)?, Ok(3));
    Ok(())
}

/// Senders of a bounded channel, and a receiver that counts what it gets from each of them, in order.
#[test]
fn mpsc_each_senders_messages_come_in_order() -> TestResult {
    for place in [0, 1, 16] {
        each_way(|| {
            let (sender, mut receiver) = mpsc::channel(place);
            let mut actors: Vec<Actor> = (0..SENDERS)
                .map(|who| {
                    let mut sender = sender.clone();
                    async move {
                        for message in 0..MESSAGES {
                            sender.send((who, message)).await.expect("it is received");
                        }
                    }
                    .boxed()
                })
                .collect();
            actors.push(
                async move {
                    let mut next = [0; SENDERS];
                    while let Some((who, message)) = receiver.next().await {
                        assert_eq!(message, next[who]);
                        next[who] += 1;
                    }
                    assert_eq!(next, [MESSAGES; SENDERS]);
                }
                .boxed(),
            );
            actors
        })?;
    }
    Ok(())
}

/// A channel has a place for each sender, and those that `channel` is told; then senders wait, until one is taken.
#[test]
fn mpsc_a_full_channel_lets_senders_wait() -> TestResult {
    leaves_nothing(|| {
        let (mut sender, mut receiver) = mpsc::channel(2);
        for i in 0..3 {
            assert!(sender.try_send(i).is_ok());
        }
        assert!(sender.try_send(3).unwrap_err().is_full());
        let mut second = sender.clone();
        let waiting = spawn_local(async move { second.feed(10).await.and(second.feed(11).await).is_ok() });
        turns(3)?;
        assert!(!waiting.ready());
        drop(sender);
        assert_eq!(block_on((&mut receiver).collect::<Vec<_>>())?, [0, 1, 2, 10, 11]);
        assert!(waiting.get()?);
        Ok(())
    })
}

#[test]
fn mpsc_closed_by_either_side() -> TestResult {
    each_way(|| {
        let (mut sender, mut receiver) = mpsc::channel(4);
        let (told, tell) = oneshot::channel();
        let (unbounded, gone) = mpsc::unbounded::<u8>();
        vec![
            async move {
                sender.send(1).await.expect("it is open");
                sender.send(2).await.expect("it is open");
                told.send(()).expect("it waits");
                // The receiver closes it, and that ends a wait for a place, too.
                loop {
                    if let Err(error) = sender.send(3).await {
                        assert!(error.is_disconnected());
                        break;
                    }
                }
                assert!(sender.is_closed());
            }
            .boxed(),
            async move {
                tell.await.expect("it tells");
                receiver.close();
                // What was sent before is received, and then comes the end.
                let got: Vec<_> = receiver.collect().await;
                assert_eq!(got[..2], [1, 2]);
                drop(gone);
            }
            .boxed(),
            async move {
                let mut unbounded = unbounded;
                while unbounded.send(0).await.is_ok() {
                    gevent::sleep(0).expect("nobody throws");
                }
                assert!(unbounded.is_closed());
            }
            .boxed(),
        ]
    })
}

/// Streams poll many greenlets at once, in the order of the stream or of their ends.
#[test]
fn streams_of_greenlets() -> TestResult {
    leaves_nothing(|| {
        let results: Vec<AsyncResult<usize>> = (0..20).map(|_| AsyncResult::new()).collect();
        let setter = spawn({
            let results = results.clone();
            move || {
                for (i, result) in results.iter().enumerate().rev() {
                    result.set(i);
                    sleep(0)?;
                }
                Ok(())
            }
        });
        let waits = || {
            let results = results.clone();
            stream::iter(results).map(IntoFuture::into_future)
        };
        let (in_order, by_end): (Vec<_>, Vec<_>) = block_on(join(
            waits().buffered(20).collect(),
            waits().buffer_unordered(20).collect(),
        ))?;
        let values = |got: Vec<Result<usize, gevent::Exception>>| got.into_iter().collect::<Result<Vec<_>, _>>();
        assert_eq!(values(in_order)?, (0..20).collect::<Vec<_>>());
        assert_eq!(values(by_end)?, (0..20).rev().collect::<Vec<_>>());
        setter.get()
    })
}

#[test]
fn streams_merge_channels() -> TestResult {
    each_way(|| {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..SENDERS).map(|_| mpsc::channel(1)).unzip();
        let mut actors: Vec<Actor> = senders
            .into_iter()
            .enumerate()
            .map(|(who, mut sender)| {
                let mut messages = stream::iter((0..MESSAGES).map(move |i| Ok(who * MESSAGES + i)));
                async move { sender.send_all(&mut messages).await.expect("it is received") }.boxed()
            })
            .collect();
        actors.push(
            async move {
                let log = Log::default();
                stream::select_all(receivers)
                    .for_each_concurrent(3, async |message| log.add(message))
                    .await;
                log.assert_has_each_once(SENDERS * MESSAGES);
            }
            .boxed(),
        );
        actors
    })
}

/// Each message is received once, whoever asks, and what was sent before a close can still be received.
#[test]
fn async_channel_each_message_has_one_receiver() -> TestResult {
    for bound in [Some(1), Some(16), None] {
        for by in EACH_WAY {
            let (sender, receiver) = bound.map_or_else(async_channel::unbounded, async_channel::bounded);
            let log = Log::default();
            let mut actors: Vec<Actor> = (0..SENDERS)
                .map(|who| {
                    let sender = sender.clone();
                    async move {
                        for i in 0..MESSAGES {
                            sender.send(who * MESSAGES + i).await.expect("it is open");
                        }
                    }
                    .boxed()
                })
                .collect();
            for _ in 0..3 {
                let (receiver, log) = (receiver.clone(), log.clone());
                actors.push(
                    async move {
                        while let Ok(message) = receiver.recv().await {
                            log.add(message);
                        }
                    }
                    .boxed(),
                );
            }
            let stream = receiver.clone();
            let its = log.clone();
            actors.push(async move { stream.for_each(async |message| its.add(message)).await }.boxed());
            drop((sender, receiver));
            run(by, actors, || Ok(()))?;
            log.assert_has_each_once(SENDERS * MESSAGES);
        }
    }
    Ok(())
}

#[test]
fn async_channel_closing_wakes_both_sides() -> TestResult {
    each_way(|| {
        let (full, full_receiver) = async_channel::bounded(1);
        let (empty_sender, empty) = async_channel::bounded::<u8>(1);
        assert!(full.try_send(1).is_ok());
        let (closer, weak) = (full.clone(), empty_sender.downgrade());
        vec![
            async move { assert_eq!(full.send(2).await, Err(async_channel::SendError(2))) }.boxed(),
            async move { assert_eq!(empty.recv().await, Err(async_channel::RecvError)) }.boxed(),
            async move {
                assert!(closer.close());
                assert!(!closer.close());
                // The last sender closes it, and a weak one is none.
                assert!(weak.upgrade().is_some());
                drop(empty_sender);
                assert!(weak.upgrade().is_none());
                assert_eq!(full_receiver.recv().await, Ok(1));
                assert!(full_receiver.recv().await.is_err());
            }
            .boxed(),
        ]
    })
}

/// A `recv` or `send` that is dropped takes no message, and passes on that it was told.
#[test]
fn async_channel_dropped_futures_lose_nothing() -> TestResult {
    leaves_nothing(|| {
        let (sender, receiver) = async_channel::bounded(1);
        {
            let mut dropped = pin!(receiver.recv());
            assert!(once(dropped.as_mut()).is_pending());
            let waiting = spawn_local({
                let receiver = receiver.clone();
                async move { receiver.recv().await.ok() }
            });
            turns(2)?;
            assert!(sender.try_send(1).is_ok());
            // The first one in the line is told, and is dropped.
            dropped.set(receiver.recv());
            assert_eq!(waiting.get()?, Some(1));
        }
        assert!(sender.try_send(2).is_ok());
        let mut dropped = Box::pin(sender.send(3));
        assert!(once(dropped.as_mut()).is_pending());
        let waiting = spawn_local({
            let sender = sender.clone();
            async move { sender.send(4).await.is_ok() }
        });
        turns(2)?;
        assert_eq!(block_on(receiver.recv())?, Ok(2));
        drop(dropped);
        assert!(waiting.get()?);
        assert_eq!(block_on(receiver.recv())?, Ok(4));
        assert!(receiver.is_empty());
        Ok(())
    })
}

/// A full channel can be made to take a message instead of its oldest one.
#[test]
fn async_channel_force_send_replaces_the_oldest() -> TestResult {
    leaves_nothing(|| {
        let (sender, receiver) = async_channel::bounded(2);
        let waiting = spawn_local({
            let receiver = receiver.clone();
            async move { receiver.recv().await.ok() }
        });
        turns(1)?;
        assert_eq!(sender.force_send(0), Ok(None));
        assert_eq!(waiting.get()?, Some(0));
        for (message, replaced) in [(1, None), (2, None), (3, Some(1)), (4, Some(2))] {
            assert_eq!(sender.force_send(message), Ok(replaced));
        }
        drop(sender);
        assert_eq!(block_on(receiver.collect::<Vec<_>>())?, [3, 4]);
        Ok(())
    })
}
