//! [`Watched`]: the watchers of a selector, and the events that have come. Source: gevent's `GeventSelector`.
//!
//! A watcher is made with the registration, started by the next `select`, and stopped by its event, or with the
//! registration. In gevent it goes on firing until a `select` returns the event, and keeps the loop from sleeping
//! meanwhile.
//!
//! ```text
//!   register ──> idle ──select──> started ──its event──> came ──select returns it──> idle
//! ```

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;

use greenlet_core::Exception;
use hub::core::{Error, Events, Io, Loop, MAXPRI};
use hub::sleep;

use super::error::SelectorClosed;
use crate::event::Event;

/// The watchers of a selector.
#[derive(Default)]
pub(super) struct Watched {
    watches: RefCell<HashMap<RawFd, Watch>>,
    /// The descriptors whose watchers the next `select` starts. Some may have gone since, or be there twice.
    idle: RefCell<Vec<RawFd>>,
    /// The descriptors that have events, in the order in which they came. As above.
    came: RefCell<Vec<RawFd>>,
    /// Why the kernel has refused to watch a descriptor.
    refused: RefCell<Option<io::Error>>,
    /// Set when there is something to return.
    ready: Event,
    closed: Cell<bool>,
}

/// The watchers of one descriptor: one for each event, so that the other one goes on after the first has come.
struct Watch {
    watchers: [Option<Io>; 2],
    came: Events,
}

impl Watch {
    fn stop(&self) {
        for watcher in self.watchers.iter().flatten() {
            // This fails only if the loop is destroyed, which has stopped the watcher.
            let _ = watcher.stop();
        }
    }
}

impl Watched {
    /// Adds a descriptor.
    pub(super) fn add(&self, loop_: &Loop, fd: RawFd, events: Events) -> Result<(), Error> {
        let make = |event| match events.contains(event) {
            true => {
                let watcher = loop_.io(fd, event)?;
                watcher.set_priority(MAXPRI)?;
                Ok::<_, Error>(Some(watcher))
            }
            false => Ok(None),
        };
        let watchers = [make(Events::READ)?, make(Events::WRITE)?];
        let came = Events::NONE;
        self.watches.borrow_mut().insert(fd, Watch { watchers, came });
        self.idle.borrow_mut().push(fd);
        Ok(())
    }

    /// Removes a descriptor, with the events that have come and were not returned.
    pub(super) fn remove(&self, fd: RawFd) {
        let watch = self.watches.borrow_mut().remove(&fd);
        if let Some(watch) = watch {
            watch.stop();
        }
        let mut idle = self.idle.borrow_mut();
        if let Some(at) = idle.iter().rposition(|other| *other == fd) {
            idle.remove(at);
        }
    }

    /// Removes all descriptors, and ends the waits.
    pub(super) fn close(&self) {
        self.closed.set(true);
        for watch in self.watches.take().into_values() {
            watch.stop();
        }
        self.ready.set();
    }

    /// Waits until there is something to return, or the time is over.
    #[track_caller]
    pub(super) fn wait(self: &Rc<Self>, timeout: Option<f64>) -> Result<(), Exception> {
        self.check_open()?;
        self.start()?;
        // Others get a turn also if events are there.
        if self.ready.is_set() {
            sleep(0)?;
            // One of them may have taken the events. Then this call waits for further ones.
            self.start()?;
        }
        self.ready.wait_timeout(timeout)?;
        self.check_open()?;
        self.ready.clear();
        match self.refused.take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    fn check_open(&self) -> Result<(), SelectorClosed> {
        match self.closed.get() {
            true => Err(SelectorClosed),
            false => Ok(()),
        }
    }

    fn start(self: &Rc<Self>) -> Result<(), Error> {
        let watches = self.watches.borrow();
        for fd in self.idle.borrow_mut().drain(..) {
            let watchers = watches.get(&fd).map(|watch| &watch.watchers);
            for (which, watcher) in (0u8..).zip(watchers.into_iter().flatten()) {
                if let Some(watcher) = watcher {
                    let watched = self.clone();
                    watcher.start_pass_events(move |events| watched.fire(fd, which, events))?;
                }
            }
        }
        Ok(())
    }

    /// A watcher has an event, or libev has stopped it.
    fn fire(&self, fd: RawFd, which: u8, events: Events) {
        let watcher = self.watches.borrow_mut().get_mut(&fd).and_then(|watch| {
            if !events.contains(Events::ERROR) {
                if watch.came.is_empty() {
                    self.came.borrow_mut().push(fd);
                }
                watch.came |= events;
            }
            watch.watchers[usize::from(which)].clone()
        });
        if let Some(watcher) = watcher {
            // As in `Watch::stop`.
            let _ = watcher.stop();
        }
        if let Some(error) = Io::refused(events) {
            self.refused.replace(Some(error));
        }
        self.ready.set();
    }

    /// Takes the events that have come, and shows them, each with its descriptor.
    pub(super) fn collect(&self, mut show: impl FnMut(RawFd, Events)) {
        let mut watches = self.watches.borrow_mut();
        for fd in self.came.borrow_mut().drain(..) {
            if let Some(watch) = watches.get_mut(&fd).filter(|watch| !watch.came.is_empty()) {
                watch.stop();
                show(fd, std::mem::take(&mut watch.came));
                self.idle.borrow_mut().push(fd);
            }
        }
    }
}
