//! Timers to sleep with, kept for the next sleeper: a sleep allocates nothing once warm.

use std::cell::RefCell;
use std::ops::Deref;

use crate::core::{Error, Timer};
use crate::hub::Hub;

/// So many idle timers are kept.
const KEPT: usize = 1024;

/// The idle timers of one hub.
#[derive(Default)]
pub(crate) struct Timers(RefCell<Vec<Timer>>);

impl Timers {
    pub(crate) fn clear(&self) {
        let timers = self.0.take();
        drop(timers);
    }
}

/// A one-shot timer on loan from the hub; it is stopped and goes back when it is dropped.
#[derive(Debug)]
pub struct HubTimer {
    hub: Hub,
    timer: Option<Timer>,
}

impl Hub {
    /// A stopped timer that will fire once, `after` seconds after its start.
    ///
    /// # Errors
    /// As for [`Loop::timer`](crate::core::Loop::timer).
    pub fn timer(&self, after: f64) -> Result<HubTimer, Error> {
        let kept = self.inner().timers.0.borrow_mut().pop();
        let timer = match kept {
            Some(timer) => {
                timer.set(after, 0.0)?;
                timer
            }
            None => self.loop_().timer(after, 0.0)?,
        };
        Ok(HubTimer {
            hub: self.clone(),
            timer: Some(timer),
        })
    }
}

impl Deref for HubTimer {
    type Target = Timer;

    fn deref(&self) -> &Timer {
        self.timer
            .as_ref()
            .expect("the timer is there until the drop")
    }
}

impl Drop for HubTimer {
    fn drop(&mut self) {
        let Some(timer) = self.timer.take() else {
            return;
        };
        // A destroyed loop has stopped it already, and has no use for it.
        let reset = || {
            timer
                .stop()
                .and_then(|()| timer.set_ref(true))
                .and_then(|()| timer.set_priority(0))
        };
        // Asking whether the hub is destroyed may find out that it has died, which takes the timers.
        if reset().is_err() || self.hub.destroyed() {
            return;
        }
        let mut kept = self.hub.inner().timers.0.borrow_mut();
        if kept.len() < KEPT {
            kept.push(timer);
        }
    }
}
