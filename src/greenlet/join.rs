//! Waiting for the end of greenlets.

use greenlet_core::{Exception, getcurrent};
use hub::{Link, Linkable, Seconds, TimeLimit, iwait, wait};
use waiter::Park;

use super::{AnyGreenlet, AsGreenlet, Greenlet};

/// The error of a greenlet that joins itself: it would wait for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a greenlet cannot join itself")]
pub struct JoinSelfError;

impl AnyGreenlet {
    /// Waits for the end of the greenlet, at most `timeout` seconds. To tell an end from a timeout,
    /// ask [`ready`](AnyGreenlet::ready).
    ///
    /// # Errors
    /// [`JoinSelfError`] if the greenlet joins itself; any exception that is thrown into the
    /// current greenlet meanwhile.
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
            // `Park::on` has called a hook, which may have waited until the greenlet ended.
            return Ok(());
        }
        // The link and the time limit hold the same right to wake, so only the first of them does.
        self.base().links.push(Link::from(park.resume()));
        let joining = Joining(self, &park);
        let limit = TimeLimit::start(hub, &park, timeout)?;
        let got = park.wait(hub, self);
        let in_time = !limit.is_reached();
        drop(limit);
        got?;
        if in_time {
            // The list lost the link when the link was called.
            std::mem::forget(joining);
        }
        Ok(())
    }
}

/// Takes the link away when the wait ends by anything else, such as a timeout or an unwinding.
struct Joining<'a>(&'a AnyGreenlet, &'a Park);

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        self.0.base().links.remove(&Link::from(self.1.resume()));
    }
}

impl<T: 'static> Greenlet<T> {
    /// Waits for the end of the greenlet, at most `timeout` seconds. To tell an end from a timeout,
    /// ask [`ready`](Greenlet::ready).
    ///
    /// # Errors
    /// [`JoinSelfError`] if the greenlet joins itself; any exception that is thrown into the
    /// current greenlet meanwhile.
    #[track_caller]
    pub fn join(&self, timeout: impl Seconds) -> Result<(), Exception> {
        self.any().join(timeout)
    }
}

/// Settings of [`joinall_with`]: the keywords of gevent's `joinall`.
#[derive(Debug, Clone, Copy, Default)]
pub struct JoinAll {
    /// How many seconds to wait at most. `None`, the default, is no limit.
    pub timeout: Option<f64>,
    /// Whether to return the exception of the first greenlet that fails, at once. False by default.
    pub raise_error: bool,
    /// How many greenlets to wait for. `None`, the default, means all.
    pub count: Option<usize>,
}

/// Waits until all the greenlets have ended, at most `timeout` seconds. Returns the greenlets that
/// have ended, in the order of their ends.
///
/// # Errors
/// Any exception that is thrown into the current greenlet meanwhile.
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
