//! [`Starting`]: a greenlet that starts tasks for as long as their values are wanted, and
//! [`Wanted`], the flag that says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use greenlet_core::{Exception, GreenletExit};

use crate::greenlet::{Greenlet, Kill};
use crate::outcome::Outcome;

/// A flag: whether the values of the tasks are still wanted. Each task has a clone, also in another
/// thread.
#[derive(Debug, Clone)]
pub(crate) struct Wanted(Arc<AtomicBool>);

impl Wanted {
    pub(crate) fn new() -> Wanted {
        Wanted(Arc::new(AtomicBool::new(true)))
    }

    fn withdraw(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub(crate) fn check(&self) -> Result<(), Exception> {
        match self.0.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(Exception::new(GreenletExit)),
        }
    }

    /// Calls `function`, if its value is still wanted. Each task does this.
    pub(crate) fn call<R: Outcome>(&self, function: impl FnOnce() -> R) -> Result<R::Value, Exception> {
        self.check()?;
        function().into_result()
    }
}

/// A greenlet that starts tasks. Dropping it [stops](Self::stop) the start of more.
pub(crate) struct Starting<T: 'static> {
    pub(crate) starter: Greenlet<T>,
    wanted: Wanted,
}

impl<T: 'static> Starting<T> {
    pub(crate) fn new(starter: Greenlet<T>, wanted: Wanted) -> Self {
        Starting { starter, wanted }
    }

    /// Stops the start of tasks: those that run go on, but no others begin.
    pub(crate) fn stop(&self) {
        self.wanted.withdraw();
        if !self.starter.ready() {
            // This fails only if the loop is destroyed.
            let _ = self.starter.kill_with(Kill::default().nonblocking());
        }
    }
}

impl<T: 'static> Drop for Starting<T> {
    fn drop(&mut self) {
        self.stop();
    }
}
