//! Waiting for a watcher. Source: gevent's `_hub_primitives.py`.

use std::fmt::Debug;

use greenlet_core::{Exception, Value, getcurrent};
use waiter::{InvalidSwitchError, Resume};

use crate::core::Watcher;
use crate::hub::Hub;

impl Hub {
    /// Parks the current greenlet until `watcher`, which must not be started, fires. The
    /// watcher is stopped afterwards, whatever happened.
    ///
    /// # Errors
    /// What was thrown into the greenlet; [`InvalidSwitchError`] when somebody else woke it;
    /// the watcher's own errors at its start.
    #[track_caller]
    pub fn wait(&self, watcher: &Watcher) -> Result<(), Exception> {
        let resume = Resume::new();
        watcher.start_resume(resume.clone())?;
        let stop = StopOnDrop(watcher);
        let got = self.switch();
        resume.end();
        drop(stop);
        let got = got?;
        if resume.is_mine(&got) {
            return Ok(());
        }
        Err(invalid_switch(&got, watcher))
    }

    /// [`wait`](Hub::wait) for at most `seconds`. Returns whether the watcher fired in time.
    ///
    /// # Errors
    /// As for [`wait`](Hub::wait).
    #[track_caller]
    pub fn wait_timeout(&self, watcher: &Watcher, seconds: f64) -> Result<bool, Exception> {
        let resume = Resume::new();
        let timer = self.timer(seconds)?;
        self.loop_().update_now()?;
        // The same right to wake goes to both: whoever comes first uses it up.
        timer.start_resume(resume.clone())?;
        watcher.start_resume(resume.clone())?;
        let stop = StopOnDrop(watcher);
        let got = self.switch();
        resume.end();
        drop(stop);
        let got = got?;
        if resume.is_mine(&got) {
            return Ok(timer.active() || timer.pending());
        }
        Err(invalid_switch(&got, watcher))
    }

    /// Throws `error` into the greenlet that is in [`wait`](Hub::wait) for this watcher, soon
    /// and if it still is by then.
    ///
    /// # Errors
    /// When the loop is destroyed.
    pub fn cancel_wait(
        &self,
        watcher: &Watcher,
        error: impl Into<Exception>,
    ) -> Result<(), Exception> {
        self.cancel_wait_then(watcher, error, || ())
    }

    /// [`cancel_wait`](Hub::cancel_wait), and calls `then` in the hub afterwards, whether
    /// anybody waited or not.
    ///
    /// Source: `cancel_waits_close_and_then` in gevent's `_hub_primitives.py`.
    ///
    /// # Errors
    /// When the loop is destroyed.
    pub fn cancel_wait_then(
        &self,
        watcher: &Watcher,
        error: impl Into<Exception>,
        then: impl Fn() + 'static,
    ) -> Result<(), Exception> {
        let resume = watcher.resume();
        let (watcher, error) = (watcher.clone(), error.into());
        self.loop_().run_callback(move || {
            let thrown = match &resume {
                Some(resume) if watcher.active() => resume.throw(error.clone()),
                _ => Ok(()),
            };
            then();
            thrown
        })?;
        Ok(())
    }
}

/// The error of a greenlet that somebody woke whom it did not wait for.
pub(crate) fn invalid_switch(got: &Value, waiting_on: &(impl Debug + ?Sized)) -> Exception {
    Exception::new(InvalidSwitchError {
        greenlet: format!("{:?}", getcurrent()),
        got: format!("{got:?}"),
        waiting_on: format!("{waiting_on:?}"),
    })
}

/// Stops the watcher when the wait is over, also when the waiting greenlet is unwound.
struct StopOnDrop<'a>(&'a Watcher);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        // A destroyed loop has stopped it already.
        let _ = self.0.stop();
    }
}
