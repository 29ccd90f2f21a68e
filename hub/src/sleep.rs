//! [`sleep`], [`idle`], [`kill`] and [`spawn_raw`], the functions of gevent's `hub.py`.

use greenlet_core::{Builder, Exception, Label, RawGreenlet, Value};
use waiter::Park;

use crate::core::CallbackResult;
use crate::exceptions::InvalidSeconds;
use crate::local::hub_to_wait_in;
use crate::mask::throw_unless_masked;
use crate::seconds::Seconds;

/// Lets other greenlets run for at least `seconds`. With 0 (or less, as in gevent) it only yields: the greenlet goes on
/// after those that could run already.
///
/// # Errors
/// [`InvalidSeconds`] for NaN and `None`; any exception that is thrown into the greenlet meanwhile; an error if there
/// is no hub to wait in, for example in a destructor that runs when the thread is over.
#[track_caller]
#[inline]
pub fn sleep(seconds: impl Seconds) -> Result<(), Exception> {
    sleep_with_ref(seconds, true)
}

/// Like [`sleep`], but with `ref_` false the sleep does not keep the loop from ending: gevent's
/// `sleep(seconds, ref=False)`.
///
/// # Errors
/// The same as those of [`sleep`].
#[track_caller]
#[inline]
pub fn sleep_with_ref(seconds: impl Seconds, ref_: bool) -> Result<(), Exception> {
    match seconds.seconds() {
        Some(seconds) if seconds > 0.0 => sleep_some(seconds, ref_),
        Some(seconds) if seconds <= 0.0 => yield_now(),
        _ => Err(Exception::new(InvalidSeconds(f64::NAN))),
    }
}

#[track_caller]
fn sleep_some(seconds: f64, ref_: bool) -> Result<(), Exception> {
    let hub = hub_to_wait_in()?;
    let timer = hub.timer(seconds)?;
    timer.set_ref(ref_)?;
    // The time counts from now, not from when the loop last looked at the clock.
    hub.loop_().update_now()?;
    hub.wait(&timer)
}

/// `sleep(0)`. The switch is inlined into this one frame: after a switch the processor mispredicts the return from each
/// frame that was entered before it.
#[track_caller]
fn yield_now() -> Result<(), Exception> {
    let hub = hub_to_wait_in()?;
    let park = Park::new(&hub)?;
    hub.loop_().run_callback_resume(park.resume())?;
    // Any switch back to the greenlet ends the yield, as in gevent.
    park.wait_for_any(&hub).map(drop)
}

/// Waits until the loop has nothing to do at the given priority (-2 to 2) or above.
///
/// # Errors
/// Any exception that is thrown into the greenlet meanwhile; an error if there is no hub to wait in.
#[track_caller]
pub fn idle(priority: i32) -> Result<(), Exception> {
    let hub = hub_to_wait_in()?;
    let watcher = hub.loop_().idle()?;
    if priority != 0 {
        watcher.set_priority(priority)?;
    }
    hub.wait(&watcher)
}

/// Throws `exception` into a greenlet soon, from the hub; the caller goes on. Does nothing to a dead greenlet.
///
/// # Errors
/// Fails if the loop is destroyed.
pub fn kill(greenlet: &RawGreenlet, exception: impl Into<Exception>) -> Result<(), Exception> {
    if greenlet.dead() {
        return Ok(());
    }
    let (greenlet, exception) = (greenlet.clone(), exception.into());
    hub_to_wait_in()?
        .loop_()
        .run_callback(move || throw_unless_masked(&greenlet, || true, exception))?;
    Ok(())
}

/// Makes a greenlet that runs `function` soon, without the additions of [`Greenlet`]: it cannot be joined, and its
/// error goes to the hub. A greenlet that cannot begin is dead then, and the reason goes to the hub, too.
///
/// [`Greenlet`]: https://docs.rs/gevent
///
/// # Errors
/// Fails if the loop is destroyed.
#[track_caller]
pub fn spawn_raw<R: CallbackResult>(function: impl FnOnce() -> R + 'static) -> Result<RawGreenlet, Exception> {
    spawn_raw_with(RawGreenlet::builder(), function)
}

/// [`spawn_raw`] with other settings than the default. The parent is the hub in any case.
///
/// # Errors
/// The same as those of [`spawn_raw`].
#[track_caller]
pub fn spawn_raw_with<N: Label, R: CallbackResult>(
    settings: Builder<N>,
    function: impl FnOnce() -> R + 'static,
) -> Result<RawGreenlet, Exception> {
    let hub = hub_to_wait_in()?;
    let greenlet = settings
        .parent(hub.greenlet())
        .build(move |_| function().into_result().map(|()| Value::None));
    hub.loop_().run_callback_start(greenlet.clone())?;
    Ok(greenlet)
}
