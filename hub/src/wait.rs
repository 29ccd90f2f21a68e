//! Waiting for a watcher. Source: gevent's `_hub_primitives.py`.

use greenlet_core::Exception;
use greenlet_core::unwind::call_each;
use waiter::Park;

use crate::context::Context;
use crate::core::Watcher;
use crate::hub::Hub;
use crate::time_limit::TimeLimit;

impl Hub {
    /// Parks the current greenlet until `watcher`, which must not be started, fires. The
    /// watcher is stopped afterwards, whatever happened.
    ///
    /// # Errors
    /// What was thrown into the greenlet; [`InvalidSwitchError`](waiter::InvalidSwitchError) when somebody else woke it;
    /// the watcher's own errors at its start.
    #[track_caller]
    pub fn wait(&self, watcher: &Watcher) -> Result<(), Exception> {
        let park = Park::on(self, watcher.type_name(), watcher.address())?;
        self.wait_with(watcher, park)
    }

    /// [`wait`](Hub::wait) in a park that is ready.
    #[track_caller]
    pub(crate) fn wait_with(&self, watcher: &Watcher, park: Park) -> Result<(), Exception> {
        watcher.start_resume(park.resume())?;
        let stop = StopOnDrop(watcher);
        let got = park.wait(self, watcher);
        drop(stop);
        got
    }

    /// [`wait`](Hub::wait) for at most `seconds`. Returns whether the watcher fired in time.
    ///
    /// # Errors
    /// As for [`wait`](Hub::wait).
    #[track_caller]
    pub fn wait_timeout(&self, watcher: &Watcher, seconds: f64) -> Result<bool, Exception> {
        let park = Park::on(self, watcher.type_name(), watcher.address())?;
        self.wait_timeout_with(watcher, seconds, park)
    }

    /// [`wait_timeout`](Hub::wait_timeout) in a park that is ready.
    #[track_caller]
    pub(crate) fn wait_timeout_with(
        &self,
        watcher: &Watcher,
        seconds: f64,
        park: Park,
    ) -> Result<bool, Exception> {
        // First, so that a watcher that is a timer counts from now, too. The same right to wake goes to both: whoever
        // comes first uses it up.
        let limit = TimeLimit::start(self, &park, Some(seconds))?;
        watcher.start_resume(park.resume())?;
        let stop = StopOnDrop(watcher);
        let got = park.wait(self, watcher);
        drop(stop);
        got?;
        Ok(!limit.is_reached())
    }

    /// Wakes the greenlet that is in [`wait`](Hub::wait) for this watcher, if any, soon and as if the watcher had
    /// fired.
    ///
    /// # Errors
    /// When the loop is destroyed.
    pub fn end_wait(&self, watcher: &Watcher) -> Result<(), Exception> {
        if let Some(resume) = watcher.resume() {
            self.loop_().run_callback_resume(resume)?;
        }
        Ok(())
    }

    /// Throws `error` into the greenlet that is in [`wait`](Hub::wait) for this watcher, soon
    /// and if it still is by then. With `close_watcher` the watcher is closed, before that or, if
    /// nobody waits, at once.
    ///
    /// # Errors
    /// When the loop is destroyed.
    pub fn cancel_wait(
        &self,
        watcher: &Watcher,
        error: impl Into<Exception>,
        close_watcher: bool,
    ) -> Result<(), Exception> {
        if watcher.has_callback() {
            let (watcher, error, hub) = (watcher.clone(), error.into(), self.clone());
            self.loop_()
                .run_callback(move || throw_into_waiter(&hub, &watcher, error, close_watcher))?;
        } else if close_watcher {
            // A destroyed loop has closed it already.
            let _ = watcher.close();
        }
        Ok(())
    }

    /// Closes the watchers, after throwing `error` into the greenlets that wait for them, and
    /// calls `then`: at once if nobody waits, else soon, in the hub.
    ///
    /// # Errors
    /// When the loop is destroyed; `then` is called then too, as nobody waits any more.
    pub fn cancel_waits_close_and_then(
        &self,
        watchers: impl IntoIterator<Item = Watcher>,
        error: impl Into<Exception>,
        then: impl FnOnce() + 'static,
    ) -> Result<(), Exception> {
        // What is foreign code comes before anything is closed.
        let watchers: Vec<_> = watchers.into_iter().collect();
        let error = watchers
            .iter()
            .any(|watcher| watcher.has_callback())
            .then(|| error.into());
        let (waited, idle): (Vec<_>, _) = watchers.into_iter().partition(|w| w.has_callback());
        // A destroyed loop has closed them already.
        idle.iter().for_each(|watcher| _ = watcher.close());
        let Some(error) = error else {
            then();
            return Ok(());
        };
        let (hub, then) = (self.clone(), CallOnDrop(Some(then)));
        self.loop_().run_callback(move || {
            let (hub, error) = (&hub, &error);
            call_each(
                waited
                    .iter()
                    .map(|watcher| move || throw_into_waiter(hub, watcher, error.clone(), true)),
            );
            drop(then);
        })?;
        Ok(())
    }
}

/// Throws into the greenlet that waits for the watcher, if there still is one. The watcher is
/// closed first, so that nobody who is woken can go on with it. Runs in the hub.
fn throw_into_waiter(hub: &Hub, watcher: &Watcher, error: Exception, close: bool) {
    let waits = watcher.resume().filter(|_| watcher.active());
    if close {
        let _ = watcher.close();
    }
    if let Some(resume) = waits
        && let Err(exception) = resume.throw(error)
    {
        hub.report_error(Context::Throw(resume.greenlet()), exception);
    }
}

/// Calls its function when it is dropped, whether its turn came or not.
struct CallOnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for CallOnDrop<F> {
    fn drop(&mut self) {
        // In the midst of a panic another one must not leave this.
        call_each(self.0.take());
    }
}

/// Stops the watcher when the wait is over, also when the waiting greenlet is unwound.
struct StopOnDrop<'a>(&'a Watcher);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        // A destroyed loop has stopped it already.
        let _ = self.0.stop();
    }
}
