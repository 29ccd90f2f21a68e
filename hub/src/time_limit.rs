//! [`TimeLimit`]: the time that a park lasts at most. Source: `Timeout._start_new_or_dummy`, which gevent's waits use.

use greenlet_core::Exception;
use waiter::Park;

use crate::hub::Hub;
use crate::seconds::Seconds;
use crate::timers::HubTimer;

/// Ends a [`Park`] after some time, unless it is dropped before. Waits with a timeout use it. It allocates nothing if
/// the hub has an idle timer.
///
/// ```
/// use hub::{Park, TimeLimit, get_hub};
///
/// let hub = get_hub();
/// let park = Park::new(&hub)?;
/// // The thing that is waited for gets a `park.resume()`, too; the first of the two ends the park.
/// let limit = TimeLimit::start(&hub, &park, 0.001)?;
/// park.wait(&hub, &"nothing")?;
/// assert!(limit.is_reached());
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
#[derive(Debug)]
#[must_use = "it is over when it is dropped"]
pub struct TimeLimit(Option<HubTimer>);

impl TimeLimit {
    /// Ends the park `seconds` from now, or never for `None`. A wake-up in the same iteration of the loop comes first.
    ///
    /// # Errors
    /// Fails if the loop is destroyed, or if `seconds` is NaN.
    #[inline(always)]
    pub fn start(hub: &Hub, park: &Park, seconds: impl Seconds) -> Result<TimeLimit, Exception> {
        match seconds.seconds() {
            Some(seconds) => TimeLimit::ending(hub, park, seconds, true),
            None => Ok(TimeLimit(None)),
        }
    }

    /// Like [`start`](TimeLimit::start), but the limit does not keep the loop from ending, and has the priority of
    /// ordinary timers. For waits for the loop's end, as in gevent's `Hub.join`.
    pub(crate) fn start_without_ref(hub: &Hub, park: &Park, seconds: Option<f64>) -> Result<TimeLimit, Exception> {
        match seconds {
            Some(seconds) => TimeLimit::ending(hub, park, seconds, false),
            None => Ok(TimeLimit(None)),
        }
    }

    #[cold]
    fn ending(hub: &Hub, park: &Park, seconds: f64, ref_: bool) -> Result<TimeLimit, Exception> {
        let timer = limiting_timer(hub, seconds)?;
        timer.set_ref(ref_)?;
        if !ref_ {
            timer.set_priority(0)?;
        }
        timer.start_resume(park.resume())?;
        Ok(TimeLimit(Some(timer)))
    }

    /// Whether the time is over by the loop's clock, so that the limit has ended the park, or would have ended it just
    /// then.
    #[inline(always)]
    pub fn is_reached(&self) -> bool {
        match &self.0 {
            Some(timer) => !(timer.active() || timer.pending()),
            None => false,
        }
    }
}

/// A timer that limits a wait, and is to be started at once.
pub(crate) fn limiting_timer(hub: &Hub, seconds: f64) -> Result<HubTimer, Exception> {
    let timer = hub.timer(seconds)?;
    // Its priority is lower, so all other events of the same iteration come first.
    timer.set_priority(-1)?;
    if seconds > 0.0 {
        // The time counts from now, not from when the loop last looked at the clock.
        hub.loop_().update_now()?;
    }
    Ok(timer)
}
