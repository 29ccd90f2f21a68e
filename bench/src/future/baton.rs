//! [`Baton`]: the least that one task can wake another by.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

#[derive(Default)]
pub(super) struct Baton {
    passed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Baton {
    pub(super) fn pass(&self) {
        self.passed.set(true);
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) async fn take(&self) {
        poll_fn(|context| {
            if self.passed.take() {
                return Poll::Ready(());
            }
            *self.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A future that wakes itself once.
pub(super) async fn wake_once() {
    let mut woken = false;
    poll_fn(|context| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
