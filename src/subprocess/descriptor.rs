//! [`Descriptor`]: one end of a pipe that does not block, and waiting for it. Source: gevent's `FileObjectPosix`.

use std::cell::{OnceCell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;

use greenlet_core::Exception;
use hub::core::{Events, Io};
use hub::{Hub, try_get_hub};
use rustix::io::ioctl_fionbio;

use crate::socket::cancel_wait_ex as closed;

/// An end of a pipe, which belongs to this thread's hub. One greenlet at a time can wait for it.
pub(super) struct Descriptor {
    // The watcher comes before the descriptor, so that it is dropped first.
    watcher: OnceCell<Io>,
    /// None once it is closed. Shared with operations that are under way, so that its number is not reused before they
    /// end.
    fd: RefCell<Option<Rc<OwnedFd>>>,
    hub: Hub,
    events: Events,
}

impl Descriptor {
    pub(super) fn new(fd: OwnedFd, events: Events) -> io::Result<Descriptor> {
        let hub = try_get_hub().map_err(Exception::from)?;
        ioctl_fionbio(&fd, true)?;
        Ok(Descriptor {
            watcher: OnceCell::new(),
            fd: RefCell::new(Some(Rc::new(fd))),
            hub,
            events,
        })
    }

    /// The descriptor, while it is open.
    pub(super) fn fd(&self) -> io::Result<Rc<OwnedFd>> {
        self.fd.borrow().clone().ok_or_else(closed)
    }

    pub(super) fn number(&self) -> Option<RawFd> {
        self.fd.borrow().as_ref().map(|fd| fd.as_raw_fd())
    }

    /// Calls `operation` until it does not fail with `WouldBlock`, and waits before each further call.
    #[track_caller]
    pub(super) fn retry<T>(&self, mut operation: impl FnMut(&OwnedFd) -> io::Result<T>) -> io::Result<T> {
        loop {
            self.hub.give_turn().map_err(io_error)?;
            let fd = self.fd()?;
            match operation(&fd) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                result => return result,
            }
            drop(fd);
            self.park().map_err(io_error)?;
        }
    }

    #[track_caller]
    fn park(&self) -> Result<(), Exception> {
        let watcher = match self.watcher.get() {
            Some(watcher) => watcher,
            None => {
                let new = self.hub.loop_().io(self.fd()?.as_raw_fd(), self.events)?;
                self.watcher.get_or_init(|| new)
            }
        };
        let is_open = || self.fd().map(|_| false).map_err(Exception::from);
        self.hub.wait_on_watcher_unless(watcher, None, is_open)
    }

    /// Closes the descriptor. [`Closed`] is thrown into the greenlet that waits for it. The descriptor itself is closed
    /// after that, so that its number cannot be reused while the loop still watches it.
    pub(super) fn close(&self) {
        let Some(fd) = self.fd.take() else {
            return;
        };
        let watcher = self.watcher.get().map(|io| (**io).clone());
        // This fails only if the loop is destroyed, and then no greenlet waits any more.
        let _ = self.hub.cancel_waits_close_and_then(watcher, Closed, move || drop(fd));
    }

    /// Takes the descriptor away, as if it was closed, and makes it block again: for a child.
    pub(super) fn detach(&self) -> io::Result<OwnedFd> {
        // A copy, as operations that are under way may use the descriptor.
        let copy = self.fd()?.try_clone()?;
        ioctl_fionbio(&copy, false)?;
        self.close();
        Ok(copy)
    }
}

/// The exception that is thrown into a greenlet which waits for a descriptor that is closed. Only this module can throw
/// it, so it cannot be taken for a kill.
#[derive(Debug, thiserror::Error)]
#[error("the pipe was closed by another greenlet")]
struct Closed;

/// Converts the exception of a wait. One that was thrown into the greenlet by others keeps its identity.
#[cold]
fn io_error(exception: Exception) -> io::Error {
    match exception.error().is::<Closed>() {
        true => closed(),
        false => exception.into(),
    }
}
