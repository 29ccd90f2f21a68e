//! [`HubExecutor`]: hyper's tasks, in greenlets; and [`SharedExecutor`] as an executor of hyper's.

use std::future::Future;

use hyper::rt::Executor;

use crate::future::{SharedExecutor, spawn_local};

/// Runs each of hyper's futures in a greenlet of its own, of this thread, so that a service may park it. HTTP/2 needs
/// an executor; for an example see [`Async`](super::Async).
#[derive(Debug, Clone, Copy, Default)]
pub struct HubExecutor;

impl<F: Future + 'static> Executor<F> for HubExecutor {
    fn execute(&self, future: F) {
        spawn_local(async move { drop(future.await) });
    }
}

impl<F: Future + 'static> Executor<F> for SharedExecutor {
    fn execute(&self, future: F) {
        // Where no greenlet can wait, there is nobody who would run the future: it is dropped.
        let _ = self.spawn(future);
    }
}
