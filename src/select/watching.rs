//! [`Watching`]: one wait for many descriptors. Source: `SelectResult` and `PollResult` in gevent's `select.py`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;

use greenlet_core::Exception;
use hub::core::{Error, Events, Io, MAXPRI};
use hub::{Hub, hub_to_wait_in};

use crate::event::Event;

/// The place where the watchers of one wait are kept for the next one. Empty while a greenlet waits with them, so that
/// another one gets watchers of its own.
#[derive(Default)]
pub(super) struct Watchers(Cell<Option<Rc<Round>>>);

/// The watchers of a wait, and what they have seen. The first so many of them are started as the wait has descriptors.
#[derive(Default)]
struct Round {
    watchers: RefCell<Vec<Io>>,
    /// In the order in which they came.
    fired: RefCell<Vec<Fired>>,
    /// Why the kernel has refused to watch a descriptor.
    refused: RefCell<Option<io::Error>>,
    any: Event,
}

/// A descriptor that is ready.
#[derive(Clone, Copy)]
pub(super) struct Fired {
    pub(super) place: usize,
    pub(super) fd: RawFd,
    pub(super) events: Events,
}

/// A wait, from its beginning until this is dropped: then all its watchers are stopped.
pub(super) struct Watching<'a> {
    home: &'a Watchers,
    round: Rc<Round>,
    hub: Hub,
    started: usize,
}

impl Watchers {
    pub(super) fn begin(&self) -> Result<Watching<'_>, Exception> {
        let hub = hub_to_wait_in()?;
        let round = self.0.take().unwrap_or_default();
        let of_another_loop = round
            .watchers
            .borrow()
            .first()
            .is_some_and(|io| io.loop_() != hub.loop_());
        if of_another_loop {
            round.watchers.take();
        }
        Ok(Watching {
            home: self,
            round,
            hub,
            started: 0,
        })
    }
}

impl Watching<'_> {
    /// Adds a descriptor. Its place is the number of those that were added before.
    pub(super) fn watch(&mut self, fd: RawFd, events: Events) -> Result<(), Error> {
        let place = self.started;
        let known = self.round.watchers.borrow().get(place).cloned();
        let watcher = match known {
            Some(watcher) => {
                watcher.set_fd(fd)?;
                watcher.set_events(events)?;
                watcher
            }
            None => {
                let watcher = self.hub.loop_().io(fd, events)?;
                watcher.set_priority(MAXPRI)?;
                self.round.watchers.borrow_mut().push(watcher.clone());
                watcher
            }
        };
        let round = self.round.clone();
        watcher.start_pass_events(move |events| round.fire(place, events))?;
        self.started += 1;
        Ok(())
    }

    /// Waits until a descriptor is ready, or the time is over. All descriptors that are found ready together are there
    /// then.
    #[track_caller]
    pub(super) fn wait(&self, timeout: Option<f64>) -> Result<(), Exception> {
        self.round.any.wait_timeout(timeout)?;
        match self.round.refused.take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// Shows the descriptors that are ready, in the order in which they became it.
    pub(super) fn fired(&self, show: impl FnMut(&Fired)) {
        self.round.fired.borrow().iter().for_each(show);
    }
}

impl Round {
    /// A watcher has an event. It is stopped, as one event is enough.
    fn fire(&self, place: usize, events: Events) {
        let watcher = self.watchers.borrow()[place].clone();
        // This fails only if the loop is destroyed, which has stopped the watcher.
        let _ = watcher.stop();
        match Io::refused(events) {
            Some(error) => drop(self.refused.replace(Some(error))),
            None => {
                let fd = watcher.fd();
                self.fired.borrow_mut().push(Fired { place, fd, events });
            }
        }
        self.any.set();
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        // libev finds the one that was started last first, if there are many for one descriptor.
        for watcher in self.round.watchers.borrow()[..self.started].iter().rev() {
            // As in `fire`.
            let _ = watcher.stop();
        }
        self.round.fired.borrow_mut().clear();
        self.round.refused.take();
        self.round.any.clear();
        self.home.0.set(Some(self.round.clone()));
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watchers")
    }
}
