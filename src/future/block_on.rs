//! [`block_on`]: a greenlet waits for a future.

use std::pin::pin;
use std::task::Poll;

use greenlet_core::Exception;
use hub::hub_to_wait_in;

use super::task::Polling;

/// Parks the current greenlet until the future is ready, and returns its value. The other greenlets of the thread go on
/// meanwhile. The future is polled in this greenlet, so it may borrow, and it need not be `Send`; what it calls may
/// wait as any code of a greenlet may.
///
/// Its wakers may be used in any thread, at any time. While another thread can use one, the wait keeps the loop
/// running. If only objects of this thread could wake the greenlet, and nothing is left that the loop waits for, it is
/// one of those that [`LoopExit`](crate::exceptions::LoopExit) names.
///
/// A future that is ready each time, or wakes itself, lets the other greenlets run from time to time. Neither a poll
/// nor a wake-up allocates.
///
/// # Errors
/// Returns the exception that is thrown into the greenlet while it waits: a kill, a [`Timeout`](crate::Timeout). The
/// future is dropped then. A panic of the future comes out as it is.
///
/// ```
/// use gevent::future::block_on;
///
/// let (sender, receiver) = futures::channel::oneshot::channel();
/// let thread = std::thread::spawn(move || sender.send("from a thread"));
/// let other = gevent::spawn(|| gevent::sleep(0.001)); // goes on meanwhile
/// assert_eq!(block_on(receiver)??, "from a thread");
/// # thread.join().unwrap().unwrap();
/// # other.get()?;
/// # Ok::<(), gevent::Exception>(())
/// ```
#[track_caller]
pub fn block_on<F: IntoFuture>(future: F) -> Result<F::Output, Exception> {
    let hub = hub_to_wait_in()?;
    hub.give_turn()?;
    // The future is dropped before the task is used again.
    let polling = Polling::new(&hub);
    let mut future = pin!(future.into_future());
    loop {
        if let Poll::Ready(value) = polling.poll(|context| future.as_mut().poll(context)) {
            return Ok(value);
        }
        polling.park(&hub)?;
    }
}
