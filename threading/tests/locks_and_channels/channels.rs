//! `mpsc`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gevent_threading::sync::Arc;
use gevent_threading::sync::mpsc::{
    RecvError, RecvTimeoutError, SendError, SyncSender, TryRecvError, TrySendError, channel, sync_channel,
};
use gevent_threading::yield_now;

use crate::team::{everywhere, until};

#[test]
fn every_value_comes_once_and_in_its_senders_order() {
    everywhere(|team| {
        for bound in [None, Some(0), Some(1), Some(7)] {
            const SENDERS: usize = 5;
            let (wide, narrow, receive);
            match bound {
                None => {
                    let (send, other) = channel();
                    (wide, narrow, receive) = (Some(send), None, other);
                }
                Some(bound) => {
                    let (send, other) = sync_channel(bound);
                    (wide, narrow, receive) = (None, Some(send), other);
                }
            }
            let senders: Vec<_> = (0..SENDERS)
                .map(|sender| {
                    let (wide, narrow) = (wide.clone(), narrow.clone());
                    team.spawn(move || {
                        for number in 0..50_u32 {
                            match (&wide, &narrow) {
                                (Some(send), _) => send.send((sender, number)).expect("it is received"),
                                (_, Some(send)) => send.send((sender, number)).expect("it is received"),
                                _ => unreachable!(),
                            }
                            if number % 10 == 0 {
                                yield_now();
                            }
                        }
                    })
                })
                .collect();
            drop((wide, narrow));
            let receiver = team.spawn(move || {
                let mut next = [0; SENDERS];
                for (sender, number) in receive {
                    assert_eq!(next[sender], number);
                    next[sender] += 1;
                }
                next
            });
            senders.into_iter().for_each(|sender| sender.value());
            assert_eq!(receiver.value(), [50; SENDERS]);
        }
    });
}

#[test]
fn a_receiver_knows_that_all_senders_are_gone() {
    everywhere(|team| {
        let (send, receive) = channel();
        assert_eq!(receive.try_recv(), Err(TryRecvError::Empty));
        let other = send.clone();
        let receiver = team.spawn(move || {
            let all: Vec<u32> = receive.iter().collect();
            let timed_out = receive.recv_timeout(Duration::from_secs(10_000));
            (all, receive.recv(), receive.try_recv(), timed_out)
        });
        let sender = team.spawn(move || {
            other.send(1).expect("it is received");
            other.send(2).expect("it is received");
        });
        sender.value();
        yield_now();
        drop(send);
        let seen = receiver.value();
        assert_eq!(seen.0, [1, 2]);
        assert_eq!((seen.1, seen.2), (Err(RecvError), Err(TryRecvError::Disconnected)));
        assert_eq!(seen.3, Err(RecvTimeoutError::Disconnected));
    });
}

#[test]
fn values_that_are_there_are_received_before_the_end() {
    everywhere(|team| {
        let (send, receive) = channel();
        let sender = team.spawn(move || (0..3).for_each(|number| send.send(number).expect("it is received")));
        sender.value();
        assert_eq!(receive.recv(), Ok(0));
        assert_eq!(receive.try_iter().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(receive.try_recv(), Err(TryRecvError::Disconnected));
    });
}

#[test]
fn a_sender_gets_its_value_back_when_the_receiver_is_gone() {
    everywhere(|team| {
        let (send, receive) = channel();
        send.send(1).expect("there is a receiver");
        team.spawn(move || drop(receive)).value();
        assert_eq!(send.send(2), Err(SendError(2)));
        for bound in [0, 1] {
            let (send, receive) = sync_channel(bound);
            team.spawn(move || drop(receive)).value();
            assert_eq!(send.send(3), Err(SendError(3)));
            assert_eq!(send.try_send(4), Err(TrySendError::Disconnected(4)));
        }
    });
}

#[test]
fn senders_that_wait_get_their_values_back() {
    everywhere(|team| {
        for bound in [0, 1] {
            let (send, receive) = sync_channel(bound);
            let begun = Arc::new(AtomicU32::new(0));
            let senders: Vec<_> = (0..3)
                .map(|number| {
                    let (send, begun) = (send.clone(), begun.clone());
                    team.spawn(move || {
                        begun.fetch_add(1, Ordering::Relaxed);
                        send.send(number).is_ok()
                    })
                })
                .collect();
            until(|| begun.load(Ordering::Relaxed) == 3);
            yield_now();
            drop(receive);
            let sent = senders.into_iter().map(|sender| sender.value());
            assert!(sent.filter(|sent| *sent).count() <= bound);
        }
    });
}

#[test]
fn a_full_channel_takes_no_more() {
    everywhere(|team| {
        let (send, receive) = sync_channel(2);
        assert_eq!((send.try_send(1), send.send(2)), (Ok(()), Ok(())));
        assert_eq!(send.try_send(3), Err(TrySendError::Full(3)));
        let sent = Arc::new(AtomicU32::new(0));
        let (theirs, counts) = (send.clone(), sent.clone());
        let sender = team.spawn(move || {
            theirs.send(3).expect("it is received");
            counts.store(1, Ordering::Relaxed);
        });
        yield_now();
        assert_eq!(sent.load(Ordering::Relaxed), 0);
        assert_eq!(receive.recv(), Ok(1));
        sender.value();
        assert_eq!((receive.recv(), receive.recv()), (Ok(2), Ok(3)));
    });
}

#[test]
fn without_a_bound_values_are_handed_over() {
    everywhere(|team| {
        let (send, receive) = sync_channel(0);
        assert_eq!(send.try_send(0), Err(TrySendError::Full(0)));
        let taken = Arc::new(AtomicU32::new(0));
        let (sees, theirs) = (taken.clone(), send.clone());
        let sender = team.spawn(move || {
            for number in 1..=20 {
                theirs.send(number).expect("it is received");
                // The value has been taken, or is just being taken.
                until(|| sees.load(Ordering::Relaxed) >= number);
            }
        });
        for number in 1..=20 {
            assert_eq!(receive.recv(), Ok(number));
            assert_eq!(receive.try_recv(), Err(TryRecvError::Empty));
            taken.store(number, Ordering::Relaxed);
        }
        sender.value();
        // A receiver that waits can be given one.
        let receiver = team.spawn(move || receive.recv());
        until(|| send.try_send(7).is_ok());
        assert_eq!(receiver.value(), Ok(7));
    });
}

#[test]
fn a_receiver_waits_for_its_time_only() {
    everywhere(|team| {
        for bound in [0, 1] {
            let (send, receive) = sync_channel(bound);
            let ended = team.spawn(move || {
                let first = receive.recv_timeout(Duration::from_millis(1));
                let second = receive.recv_timeout(Duration::ZERO);
                (first, second, receive)
            });
            let (first, second, receive) = ended.value();
            assert_eq!(
                (first, second),
                (Err(RecvTimeoutError::Timeout), Err(RecvTimeoutError::Timeout))
            );
            let receiver = team.spawn(move || receive.recv_timeout(Duration::MAX));
            send.send(5).expect("it is received");
            assert_eq!(receiver.value(), Ok(5));
        }
    });
}

/// Sends in its destructor, which would wait for ever if the channel's lock were held.
struct Sends(SyncSender<u32>, SyncSender<Sends>, Arc<AtomicU32>);

impl Drop for Sends {
    fn drop(&mut self) {
        let _ = self.0.try_send(1);
        // To its own channel.
        let error = self.1.try_send(Sends(self.0.clone(), self.1.clone(), Arc::default()));
        if let Err(TrySendError::Disconnected(sends) | TrySendError::Full(sends)) = error {
            std::mem::forget(sends);
        }
        self.2.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn values_are_dropped_with_the_receiver_by_code_that_may_use_the_channel() {
    everywhere(|team| {
        let dropped = Arc::new(AtomicU32::new(0));
        let (log, logged) = sync_channel(10);
        let (send, receive) = sync_channel(5);
        for _ in 0..3 {
            send.send(Sends(log.clone(), send.clone(), dropped.clone()))
                .expect("it is received");
        }
        team.spawn(move || drop(receive)).value();
        assert_eq!(dropped.load(Ordering::Relaxed), 3);
        assert_eq!(logged.try_iter().count(), 3);
    });
}

#[test]
fn a_sender_is_shared() {
    everywhere(|team| {
        let (send, receive) = channel();
        let send = Arc::new(send);
        let members: Vec<_> = (0..4)
            .map(|number| {
                let send = send.clone();
                team.spawn(move || send.send(number).expect("it is received"))
            })
            .collect();
        members.into_iter().for_each(|member| member.value());
        drop(send);
        let mut all: Vec<u32> = receive.into_iter().collect();
        all.sort();
        assert_eq!(all, [0, 1, 2, 3]);
    });
}
