//! [`Watching`]: the watchers of one wait, which are kept for the next ones.

use std::os::fd::RawFd;
use std::{fmt, io};

use greenlet_core::{Exception, ThreadSlot};
use hub::core::{Events, Io};
use hub::{Hub, Park};

/// How many watchers that are out of use a thread keeps.
const SPARE: usize = 64;

thread_local! {
    static SPARES: ThreadSlot<Vec<Io>> = const { ThreadSlot::new(Vec::new(), || SPARES.with(ThreadSlot::clear)) };
}

/// Descriptors that are watched until this is dropped.
pub(crate) struct Watching<'a> {
    fds: &'a [(RawFd, Events)],
    first: Option<Io>,
    more: Vec<Io>,
}

impl<'a> Watching<'a> {
    /// Has the park end when one of the descriptors is ready.
    pub(crate) fn start(hub: &Hub, park: &Park, fds: &'a [(RawFd, Events)]) -> Result<Self, Exception> {
        let mut watching = Watching {
            fds,
            first: None,
            more: Vec::new(),
        };
        for (fd, events) in fds {
            let watcher = watcher(hub, *fd, *events)?;
            let started = watcher.start_resume(park.resume());
            match watching.first {
                None => watching.first = Some(watcher),
                Some(_) => watching.more.push(watcher),
            }
            started?;
        }
        Ok(watching)
    }

    /// The kernel's refusal, if the exception that has ended the park is that, and not one that was thrown by others.
    pub(crate) fn refused(&self, exception: &Exception) -> Option<io::Error> {
        // A watcher is active until it is refused.
        let all = self.first.iter().chain(&self.more).all(|watcher| watcher.active());
        let error = exception.downcast_ref::<io::Error>().filter(|_| !all)?;
        error.raw_os_error().map(io::Error::from_raw_os_error)
    }
}

/// A watcher for a descriptor, an old one if there is one.
fn watcher(hub: &Hub, fd: RawFd, events: Events) -> Result<Io, Exception> {
    let spare = SPARES.with(|spares| spares.with(|spares| spares.borrow_mut().pop()));
    match spare.flatten().filter(|spare| spare.loop_() == hub.loop_()) {
        Some(spare) => {
            spare.set_used_fd(fd, events)?;
            Ok(spare)
        }
        None => Ok(hub.loop_().io(fd, events)?),
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        // libev finds the one that was started last first, if there are many for one descriptor.
        for watcher in self.more.drain(..).rev().chain(self.first.take()) {
            // This fails if the loop is destroyed, which has stopped the watcher.
            let _ = watcher.stop();
            let too_many = SPARES.with(|spares| {
                spares.with(|spares| {
                    let mut spares = spares.borrow_mut();
                    let full = spares.len() >= SPARE;
                    match full {
                        true => Some(watcher),
                        false => {
                            spares.push(watcher);
                            None
                        }
                    }
                })
            });
            drop(too_many);
        }
    }
}

/// What a greenlet waits for, in lists of them.
impl fmt::Debug for Watching<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a patched call for {:?}", self.fds)
    }
}
