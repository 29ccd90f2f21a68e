//! [`HubDriver`], the future.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use greenlet_core::Exception;
use hub::core::OuterWait;
use hub::hub_to_wait_in;

use super::{Alarm, Turns};

/// Runs this thread's hub inside of an executor that knows nothing of it: of tokio, smol, or `futures`. While it is
/// polled by a task of the executor, the thread's greenlets run, and tasks of the same thread can spawn and await
/// greenlets, results, events and queues, and use [`Async`](crate::future::Async) streams.
///
/// ```
/// use futures::executor::block_on;
/// use gevent::future::HubDriver;
///
/// let answer = block_on(HubDriver::new()?.run(async {
///     let greenlet = gevent::spawn(|| {
///         gevent::sleep(0.001)?; // waits as greenlets do; the executor goes on meanwhile
///         Ok(6 * 7)
///     });
///     greenlet.await
/// }))??;
/// assert_eq!(answer, 42);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// No driver is needed where the executor itself waits in a greenlet, as [`block_on`](crate::future::block_on()) does.
///
/// # Turns
///
/// A poll of the driver gives the hub a turn: the greenlet that runs the executor waits, the hub's greenlet runs one
/// iteration of the loop, and comes back. An iteration calls what is queued (for the [switch
/// interval](crate::getswitchinterval) at most), looks for events without waiting, and delivers them. Greenlets run on
/// stacks of their own, inside of the poll. If there is more to do, the driver wakes its own task, so that the others
/// of the executor run in between. If not, it is polled again when there is an event, a time has come, another thread
/// has used a threadsafe object, or a task has queued something, such as a new greenlet.
///
/// A greenlet that computes for long keeps the executor waiting, as it does with other greenlets; and so does a task.
/// The [monitoring thread](crate::monitor) reports both, a task only if there is something to do for the hub meanwhile.
///
/// # Waits in tasks
///
/// A task may call what waits as greenlets do. The greenlet that runs the executor is parked then, so all tasks stand
/// still; the hub runs, as it does without a driver. If nothing is left that could end such a wait, it ends with
/// [`LoopExit`](crate::exceptions::LoopExit). The driver itself never does: while it is pending, a task may still give
/// the greenlets something to do.
///
/// # Errors
///
/// The driver is never ready but with an error. Errors of greenlets go where they always go. What is thrown into the
/// greenlet that runs the executor ends the driver's poll, and is the driver's output: in the main greenlet a
/// [`KeyboardInterrupt`](crate::exceptions::KeyboardInterrupt), a [`SystemExit`](crate::exceptions::SystemExit), a
/// [`Timeout`](crate::Timeout) that was started there. So is [`HubDestroyed`](crate::exceptions::HubDestroyed). A
/// driver that has returned an error may be polled again.
///
/// # Dropping it
///
/// The thread is as before: the hub runs when a greenlet waits, and no greenlet is lost. There can be only one driver
/// in a thread at a time. In the child of a fork, the driver returns an error; the child makes another one.
#[must_use = "the hub runs only while its driver is polled"]
pub struct HubDriver {
    wait: OuterWait,
    turns: Turns,
    alarm: Alarm,
}

impl HubDriver {
    /// A driver for any executor. While the hub has nothing to do, a thread of the driver's waits in its place, and
    /// wakes the driver's task: so each event that the hub has waited for costs a switch of threads. The thread ends
    /// with the driver.
    ///
    /// # Errors
    /// [`ConcurrentObjectUseError`](crate::exceptions::ConcurrentObjectUseError) if this thread has a driver;
    /// [`NotEmbeddable`](hub::core::NotEmbeddable) if the hub's loop has a backend without a descriptor;
    /// [`NoInternals`](hub::core::NoInternals) with a system's libev; an error if there can be no more threads or
    /// descriptors, or if there is no hub to run.
    pub fn new() -> Result<HubDriver, Exception> {
        HubDriver::with(Alarm::thread)
    }

    /// A driver for tokio: tokio itself waits in the hub's place, which needs no other thread. To be made and polled in
    /// a runtime with `enable_io` and `enable_time`, in the thread whose hub it drives: by `block_on`, or in a
    /// `LocalSet`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gevent::event::Event;
    /// use gevent::future::HubDriver;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// runtime.block_on(async {
    ///     HubDriver::tokio()?.run(async {
    ///         let event = Event::new();
    ///         let greenlet = gevent::spawn({
    ///             let event = event.clone();
    ///             move || event.wait()
    ///         });
    ///         tokio::time::sleep(Duration::from_millis(1)).await;
    ///         event.set();
    ///         greenlet.await
    ///     }).await
    /// })??;
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// # Errors
    /// As for [`new`](Self::new), and tokio's error outside of a runtime.
    ///
    /// # Panics
    /// If the runtime has no reactor or no timers, as tokio says.
    #[cfg(feature = "tokio")]
    pub fn tokio() -> Result<HubDriver, Exception> {
        HubDriver::with(Alarm::tokio)
    }

    fn with(alarm: impl FnOnce(&OuterWait) -> Result<Alarm, Exception>) -> Result<HubDriver, Exception> {
        let hub = hub_to_wait_in()?;
        let turns = Turns::new(hub)?;
        let wait = turns.hub.loop_().outer_wait()?;
        let alarm = alarm(&wait)?;
        Ok(HubDriver { wait, turns, alarm })
    }

    /// Drives the hub until the future is ready, and returns its value. The future is dropped before the driver is, in
    /// whatever way this ends.
    ///
    /// # Errors
    /// The driver's error, if it comes first.
    pub async fn run<F: IntoFuture>(mut self, future: F) -> Result<F::Output, Exception> {
        let mut future = pin!(future.into_future());
        poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(value));
            }
            match self.drive(context) {
                Ok(()) => Poll::Pending,
                Err(exception) => Poll::Ready(Err(exception)),
            }
        })
        .await
    }

    fn drive(&mut self, context: &mut Context<'_>) -> Result<(), Exception> {
        self.turns.note(context);
        if self.wait.goes_on() && self.alarm.poll(context)?.is_pending() {
            return Ok(());
        }
        self.wait.end();
        self.turns.take()?;
        let limit = self.wait.begin()?;
        if limit != Some(Duration::ZERO) {
            self.alarm.set(limit)?;
            if self.alarm.poll(context)?.is_pending() {
                return Ok(());
            }
            // The alarm tells only once.
            self.wait.end();
        }
        self.alarm.wake_soon(context);
        Ok(())
    }
}

impl Future for HubDriver {
    type Output = Result<Infallible, Exception>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut().drive(context) {
            Ok(()) => Poll::Pending,
            Err(exception) => Poll::Ready(Err(exception)),
        }
    }
}

impl fmt::Debug for HubDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // To look at the hub ends the wait.
        let idle = self.wait.goes_on();
        let mut out = f.debug_struct("HubDriver");
        out.field("hub", &self.turns.hub).field("idle", &idle).finish()
    }
}
