//! [`HubTimer`]: hyper's times, by the hub's timers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use greenlet_core::Exception;
use hub::core::ThreadsafeLoop;
use hub::{Hub, try_get_hub};
use hyper::rt::{Sleep, Timer};

use crate::ThreadBound;
use crate::future::LocalWaker;

/// Times for hyper, by the hub of the thread in which they are awaited.
///
/// ```
/// use std::time::Duration;
/// use gevent::future::{HubTimer, block_on};
/// use hyper::rt::Timer;
///
/// block_on(HubTimer.sleep(Duration::from_millis(1)))?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// A time may be awaited in one thread and then in another, and be dropped in a third. The timer in the hub of a thread
/// that does not await it any more is stopped by that hub, soon.
///
/// # Panics
/// hyper's times cannot fail. So awaiting a time that is not over panics, with the reason, in a thread that has no hub
/// and can have none: one without a descriptor left for a loop, or one that ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct HubTimer;

impl Timer for HubTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(HubSleep::until(Instant::now().checked_add(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HubSleep::until(Some(deadline)))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<HubSleep>() {
            Some(mut sleep) => sleep.reset(new_deadline),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

/// The wait for a time. It has no timer before it is polled: most of hyper's never are, or are reset.
struct HubSleep {
    /// None if the time never comes.
    deadline: Option<Instant>,
    /// The timer, which belongs to the thread that polls.
    alarm: Option<Started>,
}

/// A timer that is started in some thread. It can be used there only.
struct Started {
    /// None when this is being dropped.
    alarm: Option<ThreadBound<Alarm>>,
    loop_: ThreadsafeLoop,
}

/// A timer that wakes a task.
struct Alarm {
    timer: hub::HubTimer,
    /// When the timer fires, or earlier, as far as the hub's clock was behind.
    at: Instant,
    task: LocalWaker,
}

impl HubSleep {
    fn until(deadline: Option<Instant>) -> HubSleep {
        HubSleep { deadline, alarm: None }
    }

    /// A timer that is to fire earlier stays: the task, if it is woken then, waits for the rest of the time.
    fn reset(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
        if self.alarm().is_some_and(|alarm| alarm.at > deadline) {
            self.alarm = None;
        }
    }

    /// The timer, if it is started in this thread and has not fired.
    fn alarm(&mut self) -> Option<&mut Alarm> {
        let alarm = self.alarm.as_mut()?.alarm.as_mut()?.get_mut().ok()?;
        alarm.timer.active().then_some(alarm)
    }
}

impl Future for HubSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        if let Some(alarm) = self.alarm() {
            alarm.wake(cx);
            return Poll::Pending;
        }
        // The hub may have fired early, and the deadline may have been put off.
        let now = Instant::now();
        let over = deadline <= now;
        self.alarm = (!over).then(|| Started::new(now, deadline, cx));
        if over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Sleep for HubSleep {}

impl Started {
    fn new(now: Instant, at: Instant, cx: &Context<'_>) -> Started {
        let started = || {
            let hub = try_get_hub()?;
            let alarm = ThreadBound::new(Alarm::new(&hub, now, at, cx)?);
            let loop_ = hub.loop_().threadsafe();
            Ok(Started {
                alarm: Some(alarm),
                loop_,
            })
        };
        started().unwrap_or_else(|exception: Exception| {
            panic!("a time can be awaited only in a thread with a hub: {exception}")
        })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // In another thread the timer can only be taken home. If its loop is destroyed, it is stopped already.
        if let Some(alarm) = self.alarm.take()
            && alarm.get().is_err()
        {
            let _ = self.loop_.run_callback_threadsafe(move || drop(alarm));
        }
    }
}

impl Alarm {
    fn new(hub: &Hub, now: Instant, at: Instant, cx: &Context<'_>) -> Result<Alarm, Exception> {
        let timer = hub.timer(at - now)?;
        let waker = cx.waker().clone();
        timer.start(move || waker.wake_by_ref())?;
        let task = LocalWaker::of(cx);
        Ok(Alarm { timer, at, task })
    }

    /// Has another task woken, if it is another one.
    fn wake(&mut self, cx: &Context<'_>) {
        if !self.task.will_wake(cx) {
            self.task = LocalWaker::of(cx);
            let waker = cx.waker().clone();
            self.timer.set_callback(move || waker.wake_by_ref());
        }
    }
}
