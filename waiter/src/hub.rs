//! What a waiter needs of a hub.

use std::fmt::Debug;

use greenlet_core::{Exception, RawGreenlet, getcurrent};

/// A wake-up that is put off.
pub type Wake = Box<dyn FnOnce() -> Result<(), Exception>>;

/// What an error came back from: the `context` of gevent's `handle_error`, as far as waiters pass one.
#[derive(Debug, Clone, Copy)]
pub enum Failed<'a> {
    /// Switching to this greenlet.
    Switch(&'a RawGreenlet),
    /// Throwing into this greenlet.
    Throw(&'a RawGreenlet),
}

/// A hub, as seen by those who wait in it.
pub trait WaitHub: Debug {
    /// The greenlet that runs the loop.
    fn greenlet(&self) -> &RawGreenlet;

    /// Called before the current greenlet prepares to park by a switch to [`greenlet`](Self::greenlet).
    ///
    /// # Errors
    /// Why it may not park: it is the hub itself, the hub is destroyed, its own hook says no.
    fn before_switch(&self) -> Result<(), Exception>;

    /// Whether its greenlet can still wake anybody.
    ///
    /// # Errors
    /// Why not.
    fn check_alive(&self) -> Result<(), Exception> {
        Ok(())
    }

    /// Takes an error that nobody else can.
    fn handle_error(&self, failed: Failed<'_>, exception: Exception);

    /// Has the hub call `wake` as soon as it can. Called where nobody can be switched to. A hub that has no queue of
    /// callbacks hands it back.
    ///
    /// # Errors
    /// `wake`.
    fn run_soon(&self, wake: Wake) -> Result<(), Wake> {
        Err(wake)
    }

    /// Whether the hub's greenlet is the one that runs.
    fn is_current(&self) -> bool {
        getcurrent() == *self.greenlet()
    }
}
