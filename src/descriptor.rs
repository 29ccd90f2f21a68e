//! [`Descriptor`]: a descriptor for which the hub's loop waits, of a file or a pipe. Source: `GreenFileDescriptorIO` in
//! gevent's `_fileobjectposix.py`.
//!
//! Sockets have more to wait for: see `socket/raw.rs`.

use std::cell::{OnceCell, RefCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;

use greenlet_core::Exception;
use hub::core::{Events, Io, Watcher};
use hub::{Hub, try_get_hub};

use crate::socket::cancel_wait_ex as closed;

/// A descriptor, or what has one, with its two watchers. One greenlet at a time can wait in each direction.
pub(crate) struct Descriptor<T> {
    // The watchers come before the descriptor, so that they are dropped first.
    read: OnceCell<Io>,
    write: OnceCell<Io>,
    /// None once it is closed. Shared with calls that are under way, so that its number is not reused before they end.
    opened: RefCell<Option<Rc<T>>>,
    hub: Hub,
}

/// What a [`Descriptor`] has.
pub(crate) trait Opened: AsFd + 'static {
    /// The descriptor that is closed when this is dropped, if any.
    fn closes(&self) -> Option<RawFd>;
}

impl Opened for OwnedFd {
    fn closes(&self) -> Option<RawFd> {
        Some(self.as_raw_fd())
    }
}

impl<T: Opened> Descriptor<T> {
    pub(crate) fn new(opened: T) -> io::Result<Descriptor<T>> {
        Ok(Descriptor {
            read: OnceCell::new(),
            write: OnceCell::new(),
            opened: RefCell::new(Some(Rc::new(opened))),
            hub: try_get_hub().map_err(Exception::from)?,
        })
    }

    /// The descriptor, while it is open.
    pub(crate) fn opened(&self) -> io::Result<Rc<T>> {
        self.opened.borrow().clone().ok_or_else(closed)
    }

    /// Its number, while it is open.
    pub(crate) fn number(&self) -> Option<RawFd> {
        self.opened.borrow().as_ref().map(|opened| opened.as_fd().as_raw_fd())
    }

    /// Calls `operation` until it does not fail with `WouldBlock`, and waits before each further call.
    #[track_caller]
    pub(crate) fn retry<R>(&self, events: Events, mut operation: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        loop {
            self.hub.give_turn().map_err(io_error)?;
            let opened = self.opened()?;
            match operation(&opened) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                result => return result,
            }
            drop(opened);
            self.park(events).map_err(io_error)?;
        }
    }

    #[track_caller]
    fn park(&self, events: Events) -> Result<(), Exception> {
        let cell = if events == Events::READ {
            &self.read
        } else {
            &self.write
        };
        let watcher = match cell.get() {
            Some(watcher) => watcher,
            None => {
                let new = self.hub.loop_().io(self.opened()?.as_fd().as_raw_fd(), events)?;
                cell.get_or_init(|| new)
            }
        };
        let is_open = || self.opened().map(|_| false).map_err(Exception::from);
        self.hub.wait_on_watcher_unless(watcher, None, is_open)
    }

    /// Closes the descriptor. [`Closed`] is thrown into greenlets that wait for it. The descriptor itself is given up
    /// after that, so that its number cannot be reused while the loop still watches it.
    pub(crate) fn close(&self) {
        let Some(opened) = self.opened.take() else {
            return;
        };
        let watchers: [Option<Watcher>; 2] = [&self.read, &self.write].map(|cell| cell.get().map(|io| (**io).clone()));
        // This fails only if the loop is destroyed, and then no greenlet waits any more.
        let hub = self.hub.clone();
        let close = move || close_watched(&hub, opened.closes(), opened);
        let _ = self
            .hub
            .cancel_waits_close_and_then(watchers.into_iter().flatten(), Closed, close);
    }
}

/// Drops what closes this descriptor, if any. If it is watched, this comes after a last event for its watchers.
pub(crate) fn close_watched(hub: &Hub, fd: Option<RawFd>, opened: impl Sized + 'static) {
    if fd.is_some_and(|fd| tell_watchers(hub, fd)) {
        // This fails only if the loop is destroyed, and then nothing is watched any more.
        let _ = hub.loop_().run_callback(move || drop(opened));
    }
}

/// Tells those who watch this descriptor, in a `select`, that it is about to be closed. Returns whether there are any.
pub(crate) fn tell_watchers(hub: &Hub, fd: RawFd) -> bool {
    // This fails only if the loop is destroyed, and then nothing is watched any more.
    let told = matches!(hub.loop_().closing_fd(fd), Ok(true));
    if told {
        let _ = hub.loop_().do_not_wait();
    }
    told
}

/// The exception that is thrown into a greenlet which waits for a descriptor that is closed. Only this module can throw
/// it, so it cannot be taken for a kill.
#[derive(Debug, thiserror::Error)]
#[error("the descriptor was closed by another greenlet")]
struct Closed;

/// Converts the exception of a wait. One that was thrown into the greenlet by others keeps its identity.
#[cold]
fn io_error(exception: Exception) -> io::Error {
    match exception.error().is::<Closed>() {
        true => closed(),
        false => exception.into(),
    }
}
