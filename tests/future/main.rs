//! Tests of `gevent::future`: futures that greenlets wait for, and greenlets that futures wait for.

mod awaited;
mod block_on;
mod driver;
mod join_all;
mod programs;
mod queues;
mod shared;
mod shared_among;
mod shared_ends;
#[cfg(feature = "futures-io")]
mod streams;
mod threads;
mod wakers;

#[path = "../support/mod.rs"]
mod support;

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A future that is pending until it is told to be ready. It stores its waker as executors say: the latest one.
#[derive(Clone, Default)]
struct Gate(Rc<GateState>);

#[derive(Default)]
struct GateState {
    open: Cell<bool>,
    waker: Cell<Option<Waker>>,
    polls: Cell<u32>,
}

impl Gate {
    fn open(&self) {
        self.0.open.set(true);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }

    /// Uses the waker, but leaves the gate closed.
    fn knock(&self) {
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }

    fn polls(&self) -> u32 {
        self.0.polls.get()
    }

    async fn pass(&self) {
        poll_fn(|context| {
            self.0.polls.set(self.0.polls.get() + 1);
            if self.0.open.get() {
                return Poll::Ready(());
            }
            self.0.waker.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// Counts itself while it exists.
struct Counted(Rc<Cell<i32>>);

impl Counted {
    fn new(count: &Rc<Cell<i32>>) -> Counted {
        count.set(count.get() + 1);
        Counted(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
