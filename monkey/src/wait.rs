//! Parking in an interposed call.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gevent::threadpool::{HubExt, ThreadPool};
use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, GreenletExit};
use hub::core::{Events, HubDestroyed, getswitchinterval};
use hub::{Hub, Park, TimeLimit, hub_to_wait_in};
use libc::c_int;

use crate::closing::{Closed, Listed};
use crate::exceptions::{is_kept, keep};
use crate::place::Place;
use crate::stats::Parked;
use crate::watchers::Watching;

/// Why a call has not waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    /// The call fails with this `errno`.
    Errno(c_int),
    /// The caller cannot park. The C library's function is to be called, which blocks.
    MustBlock,
}

/// What has come of a wait, as the thread sees it that runs the hub.
enum Waited<R> {
    Done(R),
    Failed(Failed),
    Thrown(Exception),
    /// The hub is destroyed, and the caller has been woken by the last thing that it did.
    NoHub,
}

impl Place {
    /// Parks the caller in `wait`, which is called with the hub. It runs in the carrier of a virtual thread, so nothing
    /// is a thread-local of the caller's there. The caller's `errno` is left alone.
    ///
    /// Fails with `ECANCELED` if an exception is thrown into the caller, or its hub is destroyed meanwhile, which is
    /// kept for [`take_exception`](crate::take_exception); with the `errno` of an error of `wait`.
    pub(crate) fn wait<R: Send>(self, wait: impl FnOnce(&Hub) -> Result<R, Exception> + Send) -> Result<R, Failed> {
        if is_kept() {
            // What was thrown is told by every wait. Whoever tries again and again keeps nobody else from running.
            let _ = self.park(|_| hub::sleep(0));
            return Err(Failed::Errno(libc::ECANCELED));
        }
        self.park(wait)
    }

    fn park<R: Send>(self, wait: impl FnOnce(&Hub) -> Result<R, Exception> + Send) -> Result<R, Failed> {
        let errno = errno();
        let wait = || Ok(in_hub(wait));
        // A virtual thread's unwinding is caught in there, and a greenlet's here.
        let waited = catch(|| gevent_threading::wait_by_carrier(wait)).and_then(|waited| waited.map_err(Caught::Panic));
        set_errno(errno);
        let thrown = match waited {
            Ok(Waited::Done(value)) => return Ok(value),
            Ok(Waited::Failed(failed)) => return Err(failed),
            Ok(Waited::Thrown(exception)) => Caught::Panic(exception),
            // It is unwound next. If it blocked, that would never come.
            Ok(Waited::NoHub) => Caught::Panic(Exception::new(GreenletExit)),
            Err(caught) => caught,
        };
        keep(thrown);
        Err(Failed::Errno(libc::ECANCELED))
    }

    /// Waits until a descriptor is ready. Returns false if the time is over before. A descriptor that is closed
    /// meanwhile is an `EBADF`.
    pub(crate) fn wait_fd(self, fd: RawFd, events: Events, deadline: Option<Instant>) -> Result<bool, Failed> {
        self.wait_any(&[(fd, events)], deadline)
    }

    /// Waits until one of the descriptors is ready. Returns false if the time is over before. One that is closed
    /// meanwhile is an `EBADF`.
    pub(crate) fn wait_any(self, fds: &[(RawFd, Events)], deadline: Option<Instant>) -> Result<bool, Failed> {
        self.wait_on(fds, fds, deadline)
    }

    /// As [`wait_any`](Place::wait_any); it is one of `others` whose end is an `EBADF`.
    pub(crate) fn wait_on(
        self,
        fds: &[(RawFd, Events)],
        others: &[(RawFd, Events)],
        deadline: Option<Instant>,
    ) -> Result<bool, Failed> {
        self.wait(|hub| {
            let park = Park::on(hub, "monkey", fds.as_ptr().addr())?;
            let limit = TimeLimit::start(hub, &park, deadline.map(left))?;
            let listed = Listed::new(hub, &park, others);
            let watching = Watching::start(hub, &park, fds)?;
            if let Err(exception) = park.wait(hub, &watching) {
                return Err(match watching.refused(&exception) {
                    // The number of a descriptor that was closed may be that of a file which cannot be watched.
                    Some(error) => listed.end().map_or_else(Exception::new, |()| error.into()),
                    None => exception,
                });
            }
            let is_ready = !limit.is_reached();
            drop((limit, watching));
            if is_late(hub) {
                // Many were ready at the same time, and run for long. Timers must not wait for all of them.
                hub.pass_turn()?;
            }
            listed.end().map_err(Exception::new)?;
            Ok(is_ready)
        })
    }

    /// Sleeps.
    pub(crate) fn sleep(self, time: Duration) -> Result<(), Failed> {
        self.wait(|_| hub::sleep(time))
    }

    /// Sleeps between two looks at a descriptor. If that is closed meanwhile, it is an `EBADF`, as for every wait.
    pub(crate) fn pause(self, fd: RawFd, time: Duration) -> Result<(), Failed> {
        let until = Instant::now() + time;
        self.wait_on(&[], &[(fd, Events::NONE)], Some(until)).map(drop)
    }

    /// Has a thread of the hub's pool call `job`. If an exception is thrown into the caller meanwhile, the thread goes
    /// on, so `job` owns all that it uses. If the caller must block, `job` has not been called.
    pub(crate) fn in_pool<R: Send + 'static>(self, job: impl FnOnce() -> R + Send + 'static) -> Result<R, Failed> {
        self.by_thread(HubExt::threadpool, job)
    }

    /// As [`in_pool`](Place::in_pool), by a thread of the pool that looks names up.
    pub(crate) fn in_resolver_pool<R: Send + 'static>(
        self,
        job: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Failed> {
        self.by_thread(HubExt::resolver_threadpool, job)
    }

    fn by_thread<R: Send + 'static>(
        self,
        pool: fn(&Hub) -> ThreadPool,
        job: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Failed> {
        let called = Arc::new(AtomicBool::new(false));
        let calls = called.clone();
        let job = move || {
            calls.store(true, Ordering::Relaxed);
            Ok::<_, Exception>(job())
        };
        match self.wait(|hub| pool(hub).apply(job)) {
            // It is lost in a fork, for instance.
            Err(Failed::MustBlock) if called.load(Ordering::Relaxed) => Err(Failed::Errno(libc::ECANCELED)),
            waited => waited,
        }
    }
}

/// Calls `wait` with the hub, and tells what was thrown into it from its own errors.
fn in_hub<R>(wait: impl FnOnce(&Hub) -> Result<R, Exception>) -> Waited<R> {
    let waited = hub_to_wait_in().and_then(|hub| {
        // Not before: a greenlet that is being unwound may be given up instead, and leaves nothing then.
        let _parked = Parked::begin();
        wait(&hub)
    });
    match waited {
        Ok(value) => Waited::Done(value),
        Err(exception) if exception.is::<Closed>() => Waited::Failed(Failed::Errno(libc::EBADF)),
        Err(exception) if exception.thrown_here().is_some() => Waited::Thrown(exception),
        Err(exception) if exception.is::<HubDestroyed>() => Waited::NoHub,
        Err(exception) => {
            let error = exception.downcast_ref::<std::io::Error>();
            let errno = error.and_then(std::io::Error::raw_os_error);
            Waited::Failed(errno.map_or(Failed::MustBlock, Failed::Errno))
        }
    }
}

/// Whether the loop has looked at its clock so long ago that a round would end.
fn is_late(hub: &Hub) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|now| now.as_secs_f64());
    let looked = hub.loop_().now();
    matches!((now, looked), (Ok(now), Ok(looked)) if now - looked > getswitchinterval())
}

/// The time until then, in seconds.
fn left(deadline: Instant) -> f64 {
    deadline.saturating_duration_since(Instant::now()).as_secs_f64()
}

/// What a call returns that fails with -1 and an `errno`. None if it must block.
pub(crate) fn returned(waited: Result<c_int, Failed>) -> Option<c_int> {
    match waited {
        Ok(result) => Some(result),
        Err(Failed::Errno(errno)) => {
            set_errno(errno);
            Some(-1)
        }
        Err(Failed::MustBlock) => None,
    }
}

/// The caller's `errno`.
pub(crate) fn errno() -> c_int {
    // SAFETY: the C library's function has no conditions, and what it points to is the calling thread's.
    unsafe { *libc::__errno_location() }
}

/// Sets the caller's `errno`.
pub(crate) fn set_errno(errno: c_int) {
    // SAFETY: as in `errno`.
    unsafe { *libc::__errno_location() = errno };
}
