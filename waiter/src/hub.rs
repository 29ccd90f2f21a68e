//! What a waiter needs of a hub.

use std::fmt::Debug;

use greenlet_core::{Exception, RawGreenlet, getcurrent};

/// A wake-up that is put off.
pub type Wake = Box<dyn FnOnce() -> Result<(), Exception>>;

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

    /// Takes an error that nobody else can: `context` says where it came from.
    fn handle_error(&self, context: Option<&dyn Debug>, exception: Exception);

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
