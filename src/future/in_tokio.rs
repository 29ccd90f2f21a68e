//! [`InTokio`]: a future that needs tokio's reactor or timers, in a greenlet.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use greenlet_core::pinned;
use tokio::runtime::Handle;

/// A future that is polled inside of the context of a tokio runtime, so that it may use tokio's sockets, timers and
/// `tokio::spawn`. It is polled by whoever awaits it, so a greenlet waits for it by [`block_on`](super::block_on()),
/// and it need not be `Send`. The runtime runs in another thread: a [`TokioRuntime`](super::TokioRuntime), or one that
/// the program has already.
///
/// What needs no runtime, such as tokio's channels and locks, is awaited without this.
///
/// ```
/// use gevent::future::{InTokio, TokioRuntime, block_on};
///
/// let runtime = TokioRuntime::new()?;
/// let answer = block_on(InTokio::new(runtime.handle(), async {
///     tokio::spawn(async { 6 * 7 }).await // would panic outside of a runtime's context
/// }))?;
/// assert_eq!(answer?, 42);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # No waits inside
///
/// The context belongs to the thread, so a greenlet may not be left while it is entered. What waits as greenlets do
/// fails inside of the future's polls and its destructor, with
/// [`GreenletError::Pinned`](greenlet_core::GreenletError::Pinned). What is awaited may belong to greenlets: an event,
/// a result, another greenlet.
///
/// For the same reason a poll that goes on for long keeps the other greenlets from running. Outside of its own threads
/// tokio does not end polls early, so a future that always finds something ready should yield by itself.
///
/// # What it costs
///
/// The reactor and the timers are in the runtime's thread. So each wake-up goes from that thread to the loop of the
/// greenlet, by a system call if the loop is asleep, and mostly a switch of threads; our own sockets need neither.
/// A future that is `Send` can be spawned in the runtime, and the greenlet wait for its `JoinHandle`. Then only its end
/// crosses the threads, but a kill of the greenlet does not end it.
#[must_use = "a future does nothing unless it is awaited"]
pub struct InTokio<F> {
    handle: Handle,
    /// None when it is being dropped.
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> InTokio<F> {
    /// A future that runs in the context of this runtime, from `into_future` to its destructor.
    pub fn new(handle: &Handle, future: impl IntoFuture<IntoFuture = F, Output = F::Output>) -> InTokio<F> {
        let future = inside(handle, || Box::pin(future.into_future()));
        InTokio {
            handle: handle.clone(),
            future: Some(future),
        }
    }
}

/// Calls `f` in the runtime's context, in which the greenlet cannot be left.
fn inside<R>(handle: &Handle, f: impl FnOnce() -> R) -> R {
    // In a thread that ends there may be no context any more.
    let gone = Handle::try_current().is_err_and(|error| error.is_thread_local_destroyed());
    pinned(|| {
        let _entered = (!gone).then(|| handle.enter());
        f()
    })
}

impl<F: Future> Future for InTokio<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        match &mut this.future {
            Some(future) => inside(&this.handle, || future.as_mut().poll(context)),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for InTokio<F> {
    fn drop(&mut self) {
        // A destructor may spawn a task that ends a connection in an orderly way.
        let future = self.future.take();
        inside(&self.handle, || drop(future));
    }
}

impl<F> fmt::Debug for InTokio<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InTokio").field("handle", &self.handle).finish()
    }
}
