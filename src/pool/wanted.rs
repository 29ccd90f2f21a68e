//! [`Starting`]: a greenlet that starts tasks, for as long as somebody wants their values.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use greenlet_core::{Exception, GreenletExit};

use crate::greenlet::{Greenlet, Kill};
use crate::outcome::Outcome;

/// Whether somebody wants the values. Its clones are for the tasks, which may be in other threads.
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

    /// What a task does: calls `function`, if somebody wants its value when the task begins.
    pub(crate) fn call<R: Outcome>(
        &self,
        function: impl FnOnce() -> R,
    ) -> Result<R::Value, Exception> {
        self.check()?;
        function().into_result()
    }
}

/// A greenlet that starts tasks. When this is dropped, nobody wants more, and nothing more is started.
pub(crate) struct Starting<T: 'static> {
    pub(crate) starter: Greenlet<T>,
    wanted: Wanted,
}

impl<T: 'static> Starting<T> {
    pub(crate) fn new(starter: Greenlet<T>, wanted: Wanted) -> Self {
        Starting { starter, wanted }
    }

    /// Tasks that run go on, but no others begin.
    pub(crate) fn stop(&self) {
        self.wanted.withdraw();
        if !self.starter.ready() {
            // Fails only if the loop is destroyed.
            let _ = self.starter.kill_with(Kill {
                block: false,
                ..Kill::default()
            });
        }
    }
}

impl<T: 'static> Drop for Starting<T> {
    fn drop(&mut self) {
        self.stop();
    }
}
