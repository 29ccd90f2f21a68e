//! [`WaitHub`]: what a waiter needs of a hub.

use std::fmt::Debug;

use greenlet_core::{Exception, RawGreenlet, getcurrent};

/// A wake-up that is put off.
pub type Wake = Box<dyn FnOnce() -> Result<(), Exception>>;

/// The action from which an error came back: the `context` of gevent's `handle_error`, as far as waiters pass one.
#[derive(Debug, Clone, Copy)]
pub enum Failed<'a> {
    /// Switching to this greenlet.
    Switch(&'a RawGreenlet),
    /// Throwing into this greenlet.
    Throw(&'a RawGreenlet),
}

/// A hub, as far as the greenlets that wait in it need one.
pub trait WaitHub: Debug {
    /// The greenlet that runs the loop.
    fn greenlet(&self) -> &RawGreenlet;

    /// Called before the current greenlet prepares to park by a switch to [`greenlet`](Self::greenlet).
    ///
    /// # Errors
    /// Returns the reason if the greenlet may not park: it is the hub's own, the hub is destroyed, or the greenlet's
    /// hook refuses.
    fn before_switch(&self) -> Result<(), Exception>;

    /// Checks that the hub's greenlet can still wake others.
    ///
    /// # Errors
    /// Returns the reason if it cannot.
    fn check_alive(&self) -> Result<(), Exception> {
        Ok(())
    }

    /// Deals with an error that no other code can be given.
    fn handle_error(&self, failed: Failed<'_>, exception: Exception);

    /// Has the hub call `wake` as soon as it can. This is called where no greenlet can be switched to.
    ///
    /// # Errors
    /// Returns `wake` if the hub has no queue of callbacks.
    fn run_soon(&self, wake: Wake) -> Result<(), Wake> {
        Err(wake)
    }

    /// Whether the hub's greenlet is the one that runs.
    fn is_current(&self) -> bool {
        getcurrent() == *self.greenlet()
    }
}
