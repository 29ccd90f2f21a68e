//! [`TimeLimit`]: how long a park lasts at most. Source: what gevent's waits have `Timeout._start_new_or_dummy` for.

use greenlet_core::Exception;
use waiter::Park;

use crate::hub::Hub;
use crate::timers::HubTimer;

/// Ends a [`Park`] after some time, unless it is dropped before: for waits with a timeout. It allocates nothing once the
/// hub has a timer to lend.
///
/// ```
/// use hub::{Park, TimeLimit, get_hub};
///
/// let hub = get_hub();
/// let park = Park::new(&hub)?;
/// // What is waited for gets a `park.resume()`, too; whoever comes first uses the right up.
/// let limit = TimeLimit::start(&hub, &park, Some(0.001))?;
/// park.wait(&hub, &"nothing")?;
/// assert!(limit.is_reached());
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
#[derive(Debug)]
#[must_use = "it is over when it is dropped"]
pub struct TimeLimit(Option<HubTimer>);

impl TimeLimit {
    /// Ends the park so many seconds from now; none is never. What comes in the same iteration has come in time.
    ///
    /// # Errors
    /// When the loop is destroyed; [`InvalidSeconds`](crate::exceptions::InvalidSeconds) for NaN.
    #[inline(always)]
    pub fn start(hub: &Hub, park: &Park, seconds: Option<f64>) -> Result<TimeLimit, Exception> {
        match seconds {
            Some(seconds) => TimeLimit::ending(hub, park, seconds, true),
            None => Ok(TimeLimit(None)),
        }
    }

    /// [`start`](TimeLimit::start) without keeping the loop from ending: for who waits for just that.
    pub(crate) fn start_without_ref(
        hub: &Hub,
        park: &Park,
        seconds: Option<f64>,
    ) -> Result<TimeLimit, Exception> {
        match seconds {
            Some(seconds) => TimeLimit::ending(hub, park, seconds, false),
            None => Ok(TimeLimit(None)),
        }
    }

    #[cold]
    fn ending(hub: &Hub, park: &Park, seconds: f64, ref_: bool) -> Result<TimeLimit, Exception> {
        let timer = limiting_timer(hub, seconds)?;
        timer.set_ref(ref_)?;
        timer.start_resume(park.resume())?;
        Ok(TimeLimit(Some(timer)))
    }

    /// Whether the time is over, by the loop's clock: that has ended the park, or it was to be ended just then.
    #[inline(always)]
    pub fn is_reached(&self) -> bool {
        match &self.0 {
            Some(timer) => !(timer.active() || timer.pending()),
            None => false,
        }
    }
}

/// A timer for the end of a wait, which is to be started at once.
pub(crate) fn limiting_timer(hub: &Hub, seconds: f64) -> Result<HubTimer, Exception> {
    let timer = hub.timer(seconds)?;
    // After all else that comes in the same iteration.
    timer.set_priority(-1)?;
    if seconds > 0.0 {
        // Counted from now, not from when the loop last looked at the clock.
        hub.loop_().update_now()?;
    }
    Ok(timer)
}
