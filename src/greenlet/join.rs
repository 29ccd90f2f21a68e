//! Waiting for the end of greenlets.

use greenlet_core::{Exception, getcurrent};
use hub::{Link, Linkable, Seconds, TimeLimit, iwait, wait};
use waiter::Park;

use super::{AnyGreenlet, AsGreenlet, Greenlet};

/// A greenlet cannot wait for its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a greenlet cannot join itself")]
pub struct JoinSelfError;

impl AnyGreenlet {
    /// Waits for the end of the greenlet, at most `timeout` seconds; ask
    /// [`ready`](AnyGreenlet::ready) which it was.
    ///
    /// # Errors
    /// [`JoinSelfError`] in the greenlet itself; what is thrown into the current greenlet
    /// meanwhile.
    #[track_caller]
    pub fn join(&self, timeout: impl Seconds) -> Result<(), Exception> {
        let timeout = timeout.checked()?;
        if self.ready() {
            return Ok(());
        }
        if getcurrent() == *self.raw() {
            return Err(Exception::new(JoinSelfError));
        }
        let hub = &self.base().hub;
        let park = Park::on(hub, "Greenlet", self.raw().address())?;
        if self.ready() {
            // A hook that was just called has waited.
            return Ok(());
        }
        // The same right to wake goes to both: whoever comes first uses it up.
        self.base().links.push(Link::from(park.resume()));
        let joining = Joining(self, &park);
        let limit = TimeLimit::start(hub, &park, timeout)?;
        let got = park.wait(hub, self);
        let in_time = !limit.is_reached();
        drop(limit);
        got?;
        if in_time {
            // The link was taken out when it was called.
            std::mem::forget(joining);
        }
        Ok(())
    }
}

/// Leaves no link behind when the wait ends otherwise than by it, also when the waiting greenlet
/// is unwound.
struct Joining<'a>(&'a AnyGreenlet, &'a Park);

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        self.0.base().links.remove(&Link::from(self.1.resume()));
    }
}

impl<T: 'static> Greenlet<T> {
    /// Waits for the end of the greenlet, at most `timeout` seconds; ask
    /// [`ready`](Greenlet::ready) which it was.
    ///
    /// # Errors
    /// [`JoinSelfError`] in the greenlet itself; what is thrown into the current greenlet
    /// meanwhile.
    #[track_caller]
    pub fn join(&self, timeout: impl Seconds) -> Result<(), Exception> {
        self.any().join(timeout)
    }
}

/// How to join several: the keywords of gevent's `joinall`.
#[derive(Debug, Clone, Copy, Default)]
pub struct JoinAll {
    /// How many seconds to wait at most; for ever unless told otherwise.
    pub timeout: Option<f64>,
    /// Whether to end with the exception of the first greenlet that fails.
    pub raise_error: bool,
    /// For how many greenlets to wait; for all unless told otherwise.
    pub count: Option<usize>,
}

/// Waits until all the greenlets have ended, at most `timeout` seconds. Returns those that
/// have, in the order in which they did.
///
/// # Errors
/// What is thrown into the current greenlet meanwhile.
#[track_caller]
pub fn joinall<G: AsGreenlet>(
    greenlets: impl IntoIterator<Item = G>,
    timeout: impl Seconds,
) -> Result<Vec<AnyGreenlet>, Exception> {
    let timeout = timeout.checked()?;
    let settings = JoinAll {
        timeout,
        ..JoinAll::default()
    };
    joinall_with(greenlets, settings)
}

/// [`joinall`] with other settings.
///
/// # Errors
/// As for `joinall`; with `raise_error`, the exception of the first greenlet that fails.
#[track_caller]
pub fn joinall_with<G: AsGreenlet>(
    greenlets: impl IntoIterator<Item = G>,
    settings: JoinAll,
) -> Result<Vec<AnyGreenlet>, Exception> {
    let greenlets = greenlets.into_iter().map(|g| g.as_greenlet());
    if !settings.raise_error {
        return wait(greenlets, settings.timeout, settings.count);
    }
    let mut done = Vec::new();
    for greenlet in iwait(greenlets, settings.timeout, settings.count)? {
        let greenlet = greenlet?;
        if let Some(exception) = Linkable::exception(&greenlet) {
            return Err(exception);
        }
        done.push(greenlet);
    }
    Ok(done)
}
