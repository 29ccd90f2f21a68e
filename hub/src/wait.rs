//! [`Hub::wait`]: waiting for a watcher. Source: gevent's `_hub_primitives.py`.

use greenlet_core::Exception;
use greenlet_core::unwind::call_each;
use waiter::Park;

use crate::context::Context;
use crate::core::Watcher;
use crate::hub::Hub;
use crate::seconds::Seconds;
use crate::time_limit::TimeLimit;

impl Hub {
    /// Parks the current greenlet until `watcher` fires. The watcher must not be started before; it is stopped
    /// afterwards in any case.
    ///
    /// # Errors
    /// Any exception that is thrown into the greenlet meanwhile;
    /// [`InvalidSwitchError`](waiter::InvalidSwitchError) if anything else switches to the greenlet; the errors of the
    /// watcher's [`start`](Watcher::start).
    #[track_caller]
    pub fn wait(&self, watcher: &Watcher) -> Result<(), Exception> {
        let park = Park::on(self, watcher.type_name(), watcher.address())?;
        self.wait_with(watcher, park)
    }

    /// [`wait`](Hub::wait) in a park that was prepared by the caller.
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
    /// The same as those of [`wait`](Hub::wait), and an error if the time is not a number.
    #[track_caller]
    pub fn wait_timeout(&self, watcher: &Watcher, seconds: impl Seconds) -> Result<bool, Exception> {
        let park = Park::on(self, watcher.type_name(), watcher.address())?;
        self.wait_timeout_with(watcher, seconds, park)
    }

    /// [`wait_timeout`](Hub::wait_timeout) in a park that was prepared by the caller.
    #[track_caller]
    pub(crate) fn wait_timeout_with(
        &self,
        watcher: &Watcher,
        seconds: impl Seconds,
        park: Park,
    ) -> Result<bool, Exception> {
        // The limit is started first, which updates the clock, so that a watcher that is a timer counts from now, too.
        // Both get a resume of the same park: the first to fire ends the park, and the other one is void then.
        let limit = TimeLimit::start(self, &park, seconds)?;
        watcher.start_resume(park.resume())?;
        let stop = StopOnDrop(watcher);
        let got = park.wait(self, watcher);
        drop(stop);
        got?;
        Ok(!limit.is_reached())
    }

    /// Wakes the greenlet that is in [`wait`](Hub::wait) for this watcher, if any, as if the watcher had fired. The
    /// greenlet goes on soon.
    ///
    /// # Errors
    /// When the loop is destroyed.
    pub fn end_wait(&self, watcher: &Watcher) -> Result<(), Exception> {
        if let Some(resume) = watcher.resume() {
            self.loop_().run_callback_resume(resume)?;
        }
        Ok(())
    }

    /// Throws `error` soon into the greenlet that is in [`wait`](Hub::wait) for this watcher, if it still waits by
    /// then. With `close_watcher` the watcher is closed just before that, or at once if no greenlet waits.
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
            // An error means that the loop is destroyed, which has stopped the watcher already.
            let _ = watcher.close();
        }
        Ok(())
    }

    /// Closes the watchers, throws `error` into the greenlets that wait for them, and calls `then`. This is done at
    /// once if no greenlet waits, else soon, in the hub.
    ///
    /// # Errors
    /// Fails if the loop is destroyed; `then` is called all the same, as no greenlet waits any more.
    pub fn cancel_waits_close_and_then(
        &self,
        watchers: impl IntoIterator<Item = Watcher>,
        error: impl Into<Exception>,
        then: impl FnOnce() + 'static,
    ) -> Result<(), Exception> {
        // The iterator and `into` may be user code, so they run before anything is closed.
        let watchers: Vec<_> = watchers.into_iter().collect();
        let error = watchers
            .iter()
            .any(|watcher| watcher.has_callback())
            .then(|| error.into());
        let (waited, idle): (Vec<_>, _) = watchers.into_iter().partition(|w| w.has_callback());
        // An error means that the loop is destroyed, which has stopped the watchers already.
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

/// Throws into the greenlet that waits for the watcher, if one still does. With `close` the watcher is closed first, so
/// that no greenlet that is woken finds it open. Runs in the hub.
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

/// Calls its function when it is dropped, so also if the callback that owns it is never called.
struct CallOnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for CallOnDrop<F> {
    fn drop(&mut self) {
        // `call_each` lets no panic out of a drop that is part of another panic.
        call_each(self.0.take());
    }
}

/// Stops the watcher when it is dropped, so also when the waiting greenlet is unwound.
struct StopOnDrop<'a>(&'a Watcher);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        // An error means that the loop is destroyed, which has stopped the watcher already.
        let _ = self.0.stop();
    }
}
