//! What a waiter needs of a hub.

use std::fmt::Debug;

use greenlet_core::{Exception, RawGreenlet, Value, getcurrent};

/// A hub, as seen by those who wait in it.
pub trait WaitHub: Debug {
    /// The greenlet that runs the loop.
    fn greenlet(&self) -> &RawGreenlet;

    /// Parks the current greenlet until somebody wakes it.
    ///
    /// # Errors
    /// What was thrown into the current greenlet, or why it may not park.
    fn switch(&self) -> Result<Value, Exception>;

    /// Takes an error that nobody else can: `context` says where it came from.
    fn handle_error(&self, context: Option<&dyn Debug>, exception: Exception);

    /// Whether the hub's greenlet is the one that runs.
    fn is_current(&self) -> bool {
        getcurrent() == *self.greenlet()
    }
}
