//! Waiting for the end of greenlets.

use std::fmt;

use greenlet_core::{Exception, getcurrent};
use hub::{Link, Linkable, Seconds, TimeLimit, Wait, iwait_with, wait_with};
use waiter::Park;

use super::{AnyGreenlet, AsGreenlet, Greenlet};

/// The error of a greenlet that joins itself: it would wait for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a greenlet cannot join itself")]
pub struct JoinSelfError;

impl AnyGreenlet {
    /// See [`Greenlet::join`].
    ///
    /// # Errors
    /// As for [`Greenlet::join`].
    #[track_caller]
    pub fn join(&self) -> Result<(), Exception> {
        self.join_timeout(None)
    }

    /// See [`Greenlet::join_timeout`].
    ///
    /// # Errors
    /// As for [`Greenlet::join_timeout`].
    #[track_caller]
    pub fn join_timeout(&self, timeout: impl Seconds) -> Result<(), Exception> {
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
    /// Waits for the end of the greenlet.
    ///
    /// # Errors
    /// [`JoinSelfError`] if the greenlet joins itself; any exception that is thrown into the current greenlet
    /// meanwhile.
    #[track_caller]
    pub fn join(&self) -> Result<(), Exception> {
        self.any().join()
    }

    /// [`join`](Greenlet::join) for at most `timeout` seconds. To tell an end from a timeout, ask
    /// [`ready`](Greenlet::ready).
    ///
    /// # Errors
    /// As for `join`; an error if the time is not a number.
    #[track_caller]
    pub fn join_timeout(&self, timeout: impl Seconds) -> Result<(), Exception> {
        self.any().join_timeout(timeout)
    }
}

/// Settings of [`joinall_with`]: the keywords of gevent's `joinall`.
///
/// ```
/// use gevent::{JoinAll, joinall_with, sleep, spawn};
///
/// let jobs = [spawn(|| sleep(0.001)), spawn(|| sleep(100))];
/// let done = joinall_with(&jobs, JoinAll::default().count(1).raise_error())?;
/// assert_eq!(done, [&jobs[0]]);
/// # gevent::killall(&jobs)?;
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct JoinAll {
    /// How many seconds to wait at most. `None`, the default, is no limit.
    pub timeout: Option<f64>,
    /// Whether to return the exception of the first greenlet that fails, at once. False by default.
    pub raise_error: bool,
    /// How many greenlets to wait for. `None`, the default, means all.
    pub count: Option<usize>,
}

impl JoinAll {
    /// Sets [`timeout`](JoinAll::timeout).
    #[must_use]
    pub fn timeout(mut self, seconds: impl Seconds) -> Self {
        self.timeout = seconds.seconds();
        self
    }

    /// Sets [`raise_error`](JoinAll::raise_error).
    #[must_use]
    pub fn raise_error(mut self) -> Self {
        self.raise_error = true;
        self
    }

    /// Sets [`count`](JoinAll::count).
    #[must_use]
    pub fn count(mut self, count: impl Into<Option<usize>>) -> Self {
        self.count = count.into();
        self
    }
}

/// Waits until all the greenlets have ended. Returns them, as they were given, in the order of their ends.
///
/// ```
/// use gevent::{joinall, spawn};
///
/// let jobs = vec![spawn(|| "one"), spawn(|| "two")];
/// let words: Vec<_> = joinall(jobs)?.iter().filter_map(|job| job.value()).collect();
/// assert_eq!(words, ["one", "two"]);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// Any exception that is thrown into the current greenlet meanwhile.
#[track_caller]
pub fn joinall<G: AsGreenlet>(greenlets: impl IntoIterator<Item = G>) -> Result<Vec<G>, Exception> {
    joinall_with(greenlets, JoinAll::default())
}

/// [`joinall`] for at most `timeout` seconds. Returns the greenlets that have ended.
///
/// # Errors
/// As for `joinall`; an error if the time is not a number.
#[track_caller]
pub fn joinall_timeout<G: AsGreenlet>(
    greenlets: impl IntoIterator<Item = G>,
    timeout: impl Seconds,
) -> Result<Vec<G>, Exception> {
    joinall_with(greenlets, JoinAll::default().timeout(timeout))
}

/// [`joinall`] with other settings. Returns the greenlets that have ended.
///
/// # Errors
/// As for `joinall_timeout`; with `raise_error`, the exception of the first greenlet that fails.
#[track_caller]
pub fn joinall_with<G: AsGreenlet>(
    greenlets: impl IntoIterator<Item = G>,
    settings: JoinAll,
) -> Result<Vec<G>, Exception> {
    let greenlets = greenlets.into_iter().map(|given| Joined {
        greenlet: given.as_greenlet(),
        given,
    });
    let JoinAll {
        timeout,
        count,
        raise_error,
    } = settings;
    let settings = Wait { timeout, count };
    if !raise_error {
        let done = wait_with(greenlets, settings)?;
        return Ok(done.into_iter().map(|joined| joined.given).collect());
    }
    let mut done = Vec::new();
    for joined in iwait_with(greenlets, settings)? {
        let joined = joined?;
        if let Some(exception) = joined.greenlet.exception() {
            return Err(exception);
        }
        done.push(joined.given);
    }
    Ok(done)
}

/// A greenlet to wait for, and the handle to return for it.
struct Joined<G> {
    given: G,
    greenlet: AnyGreenlet,
}

impl<G> fmt::Debug for Joined<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.greenlet.fmt(f)
    }
}

impl<G> Linkable for Joined<G> {
    fn ready(&self) -> bool {
        self.greenlet.ready()
    }

    fn rawlink(&self, link: Link) {
        Linkable::rawlink(&self.greenlet, link);
    }

    fn unlink(&self, link: &Link) {
        Linkable::unlink(&self.greenlet, link);
    }
}
