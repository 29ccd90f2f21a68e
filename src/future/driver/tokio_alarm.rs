//! [`TokioAlarm`]: tokio's reactor and timers wait in the hub's place.

use std::future::Future;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use greenlet_core::Exception;
use hub::core::OuterWait;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep};

pub(super) struct TokioAlarm {
    fd: AsyncFd<OwnedFd>,
    sleep: Pin<Box<Sleep>>,
    /// Whether a time is set that is not over.
    timed: bool,
}

impl TokioAlarm {
    pub(super) fn new(wait: &OuterWait) -> Result<TokioAlarm, Exception> {
        Handle::try_current()?;
        // A descriptor of its own, as tokio knows descriptors by their numbers.
        let fd = wait.as_fd().try_clone_to_owned()?;
        #[allow(
            deprecated,
            reason = "what takes its place is unsafe, for types that change their descriptor"
        )]
        let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
        Ok(TokioAlarm {
            fd,
            sleep: Box::pin(sleep(Duration::ZERO)),
            timed: false,
        })
    }

    pub(super) fn set(&mut self, limit: Option<Duration>) -> Result<(), Exception> {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        self.timed = until.is_some();
        if let Some(until) = until {
            self.sleep.as_mut().reset(until);
        }
        Ok(())
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, Exception> {
        // tokio tells only of what becomes readable. Here that is enough: the wait that has begun has found nothing,
        // and an alarm that has gone off is followed by a turn, after which the next wait begins.
        if let Poll::Ready(ready) = self.fd.poll_read_ready(context) {
            ready?.clear_ready();
            return Ok(Poll::Ready(()));
        }
        if self.timed && self.sleep.as_mut().poll(context).is_ready() {
            self.timed = false;
            return Ok(Poll::Ready(()));
        }
        Ok(Poll::Pending)
    }
}

/// Has the task polled after tokio has looked for events. If it was only woken, tokio would poll it many times before.
pub(super) fn wake_soon(context: &mut Context<'_>) {
    let yielded = pin!(yield_now());
    if yielded.poll(context).is_ready() {
        context.waker().wake_by_ref();
    }
}
