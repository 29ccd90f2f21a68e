//! The hub's stock of timers: a sleep takes one and gives it back, so that it usually allocates nothing.

use std::cell::RefCell;
use std::ops::Deref;

use crate::core::{Error, Timer};
use crate::hub::Hub;
use crate::seconds::Seconds;

/// How many idle timers are kept at most.
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

/// A one-shot timer on loan from the hub. Dropping it stops the timer and gives it back.
#[derive(Debug)]
pub struct HubTimer {
    hub: Hub,
    timer: Option<Timer>,
}

impl Hub {
    /// A stopped timer that will fire once, `after` seconds after its start.
    ///
    /// # Errors
    /// The same as those of [`Loop::timer`](crate::core::Loop::timer).
    pub fn timer(&self, after: impl Seconds) -> Result<HubTimer, Error> {
        let kept = self.body().timers.0.borrow_mut().pop();
        let timer = match kept {
            Some(timer) => {
                timer.set(after, 0.0)?;
                timer
            }
            None => self.loop_().timer(after)?,
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
        self.timer.as_ref().expect("the timer is there until the drop")
    }
}

impl Drop for HubTimer {
    fn drop(&mut self) {
        let Some(timer) = self.timer.take() else {
            return;
        };
        // An error means that the loop is destroyed: the timer is stopped already, and of no more use.
        let reset = || {
            timer
                .stop()
                .and_then(|()| timer.set_ref(true))
                .and_then(|()| timer.set_priority(0))
        };
        // This is not asked while `kept` is borrowed: it may find out that the hub has died, and clear the timers.
        if reset().is_err() || self.hub.destroyed() {
            return;
        }
        let mut kept = self.hub.body().timers.0.borrow_mut();
        if kept.len() < KEPT {
            kept.push(timer);
        }
    }
}
