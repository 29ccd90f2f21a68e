//! [`HubTimer`]: hyper's times, by the hub's timers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use crate::future::LocalWaker;
use crate::{ThreadBound, get_hub};

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
    alarm: Option<ThreadBound<Alarm>>,
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
        let fires_later = |alarm: &ThreadBound<Alarm>| alarm.get().is_ok_and(|alarm| alarm.at > deadline);
        if self.alarm.as_ref().is_some_and(fires_later) {
            self.alarm = None;
        }
    }

    /// The timer, if it is started in this thread and has not fired.
    fn alarm(&mut self) -> Option<&mut Alarm> {
        let alarm = self.alarm.as_mut()?.get_mut().ok()?;
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
        self.alarm = (!over).then(|| ThreadBound::new(Alarm::new(now, deadline, cx)));
        if over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Sleep for HubSleep {}

impl Alarm {
    fn new(now: Instant, at: Instant, cx: &Context<'_>) -> Alarm {
        let started = || {
            let timer = get_hub().timer(at - now)?;
            let waker = cx.waker().clone();
            timer.start(move || waker.wake_by_ref())?;
            Ok::<_, hub::core::Error>(timer)
        };
        Alarm {
            timer: started().expect("a thread that awaits a time has a hub"),
            at,
            task: LocalWaker::of(cx),
        }
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
