//! `crossbeam_channel`: channels with and without room, a selection, a timer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, after, bounded, select, unbounded};

use crate::{Case, Result, SOON, Started, equal};

struct Channels {
    shared: (Sender<usize>, Receiver<usize>),
    sent: AtomicUsize,
    received: AtomicUsize,
}

pub(super) fn start() -> Result<Option<Started>> {
    let channels = Channels {
        shared: unbounded(),
        sent: AtomicUsize::new(0),
        received: AtomicUsize::new(0),
    };
    Started::new(channels, ())
}

impl Case for Channels {
    fn run(&self, i: usize, wait: Duration) -> Result {
        // Without room: the sender waits for the receiver.
        let (to, from) = bounded(0);
        let sender = thread::spawn(move || {
            thread::sleep(wait);
            (0..20).try_for_each(|n| to.send(i + n))
        });
        let never = after(SOON);
        for n in 0..20 {
            let got = select! {
                recv(from) -> value => value?,
                recv(never) -> _ => return Err("nothing has come".into()),
            };
            equal(got, i + n)?;
        }
        sender.join().expect("it does not panic")?;
        // One channel for all: whoever comes takes what is there.
        self.shared.0.send(i)?;
        self.sent.fetch_add(i, Ordering::Relaxed);
        self.received
            .fetch_add(self.shared.1.recv_timeout(SOON)?, Ordering::Relaxed);
        Ok(())
    }

    fn end(&self, _runs: usize) -> Result {
        equal(self.received.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed))
    }
}
