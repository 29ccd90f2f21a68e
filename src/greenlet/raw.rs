//! Functions for any greenlet, those underneath among them. Source: gevent's `hub.py`, `kill` and `spawn_raw`.

use greenlet_core::{Exception, RawGreenlet, getcurrent};

use super::{AnyGreenlet, Greenlet, Kill, tree};

/// Anything that [`kill`] can throw into.
pub trait Killable {
    /// Throws into the greenlet, soon; one that has not begun never will.
    ///
    /// # Errors
    /// When the loop is destroyed.
    fn kill_soon(&self, exception: Exception) -> Result<(), Exception>;
}

impl Killable for RawGreenlet {
    fn kill_soon(&self, exception: Exception) -> Result<(), Exception> {
        hub::kill(self, exception)
    }
}

impl Killable for AnyGreenlet {
    fn kill_soon(&self, exception: Exception) -> Result<(), Exception> {
        let kill = Kill {
            exception,
            block: false,
            timeout: None,
        };
        self.kill_with(kill).map(drop)
    }
}

impl<T: 'static> Killable for Greenlet<T> {
    fn kill_soon(&self, exception: Exception) -> Result<(), Exception> {
        self.any().kill_soon(exception)
    }
}

/// Throws `exception` into a greenlet, soon; the caller goes on.
///
/// # Errors
/// When the loop is destroyed.
pub fn kill(
    greenlet: &(impl Killable + ?Sized),
    exception: impl Into<Exception>,
) -> Result<(), Exception> {
    greenlet.kill_soon(exception.into())
}

/// Makes a greenlet that runs `function` soon, without what [`Greenlet`] adds: nobody can join
/// it, and its error goes to the hub.
///
/// # Errors
/// When the loop is destroyed.
#[track_caller]
pub fn spawn_raw(
    function: impl FnOnce() -> Result<(), Exception> + 'static,
) -> Result<RawGreenlet, Exception> {
    let greenlet = hub::spawn_raw(function)?;
    tree::grow(&getcurrent(), &greenlet);
    Ok(greenlet)
}
