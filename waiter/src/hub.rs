//! What a waiter needs of a hub.

use std::fmt::Debug;

use greenlet_core::{Exception, RawGreenlet, Value, getcurrent};

/// A hub, as seen by those who wait in it.
pub trait WaitHub: Debug {
    /// The greenlet that runs the loop.
    fn greenlet(&self) -> &RawGreenlet;

    /// Called before the current greenlet parks by a switch to [`greenlet`](Self::greenlet).
    ///
    /// # Errors
    /// Why it may not park: it is the hub itself, the hub is destroyed, its own hook says no.
    fn before_switch(&self) -> Result<(), Exception>;

    /// Takes an error that nobody else can: `context` says where it came from.
    fn handle_error(&self, context: Option<&dyn Debug>, exception: Exception);

    /// Whether the hub's greenlet is the one that runs.
    fn is_current(&self) -> bool {
        getcurrent() == *self.greenlet()
    }
}

/// Parks the current greenlet until somebody wakes it.
///
/// Not a method, because a trait object would lose the caller's place, which is what lists of
/// waiting greenlets show.
///
/// # Errors
/// What is thrown into the current greenlet, or why it may not park.
#[track_caller]
#[inline]
pub fn park(hub: &dyn WaitHub) -> Result<Value, Exception> {
    hub.before_switch()?;
    hub.greenlet().switch(())
}
