//! [`HubExecutor`]: hyper's tasks, in greenlets.

use std::future::Future;

use hyper::rt::Executor;

use crate::future::spawn_local;

/// Runs each of hyper's futures in a greenlet of its own, of this thread, so that a service may park it. HTTP/2 needs
/// an executor; for an example see [`Async`](super::Async).
#[derive(Debug, Clone, Copy, Default)]
pub struct HubExecutor;

impl<F: Future + 'static> Executor<F> for HubExecutor {
    fn execute(&self, future: F) {
        spawn_local(async move { drop(future.await) });
    }
}
