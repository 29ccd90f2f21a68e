//! [`Polled`]: a descriptor for which the hub's loop waits. Source: `GreenFileDescriptorIO` in gevent's
//! `_fileobjectposix.py`.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;

use greenlet_core::Exception;
use hub::core::{Events, Io, Watcher};
use hub::{Hub, try_get_hub};

use super::source::Source;
use super::way::{self, Opened, Way};
use crate::socket::cancel_wait_ex as closed;

/// A descriptor with its two watchers. One greenlet at a time can wait in each direction.
pub(super) struct Polled {
    // The watchers come before the descriptor, so that they are dropped first.
    read: OnceCell<Io>,
    write: OnceCell<Io>,
    /// None once it is closed. Shared with calls that are under way, so that its number is not reused before they end.
    opened: RefCell<Option<Rc<Opened>>>,
    way: Cell<Way>,
    hub: Hub,
}

impl Polled {
    pub(super) fn new(source: Source) -> io::Result<Polled> {
        let hub = try_get_hub().map_err(Exception::from)?;
        let (way, own) = way::choose(source.as_fd())?;
        Ok(Polled {
            read: OnceCell::new(),
            write: OnceCell::new(),
            opened: RefCell::new(Some(Rc::new(Opened { source, own }))),
            way: Cell::new(way),
            hub,
        })
    }

    /// The descriptor, while it is open.
    pub(super) fn opened(&self) -> io::Result<Rc<Opened>> {
        self.opened.borrow().clone().ok_or_else(closed)
    }

    /// Reads into the buffer that `place` calls it with, as soon as there is something to read. Between the tries
    /// nothing is borrowed. Without a buffer it does nothing.
    #[track_caller]
    pub(super) fn read(
        &self,
        mut place: impl FnMut(&mut dyn FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.retry(Events::READ, |fd| {
            place(&mut |buf| way::read(fd.as_fd(), &self.way, buf))
        })
    }

    /// As [`read`](Polled::read), for writing.
    #[track_caller]
    pub(super) fn write(
        &self,
        mut place: impl FnMut(&mut dyn FnMut(&[u8]) -> io::Result<usize>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.retry(Events::WRITE, |fd| {
            place(&mut |buf| way::write(fd.as_fd(), &self.way, buf))
        })
    }

    /// Calls `operation` until it does not fail with `WouldBlock`, and waits before each further call.
    #[track_caller]
    fn retry<T>(&self, events: Events, mut operation: impl FnMut(&Opened) -> io::Result<T>) -> io::Result<T> {
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
    pub(super) fn close(&self) {
        let Some(opened) = self.opened.take() else {
            return;
        };
        let watchers: [Option<Watcher>; 2] = [&self.read, &self.write].map(|cell| cell.get().map(|io| (**io).clone()));
        // This fails only if the loop is destroyed, and then no greenlet waits any more.
        let _ = self
            .hub
            .cancel_waits_close_and_then(watchers.into_iter().flatten(), Closed, move || drop(opened));
    }
}

/// The exception that is thrown into a greenlet which waits for a file that is closed. Only this module can throw it,
/// so it cannot be taken for a kill.
#[derive(Debug, thiserror::Error)]
#[error("the file was closed by another greenlet")]
struct Closed;

/// Converts the exception of a wait. One that was thrown into the greenlet by others keeps its identity.
#[cold]
fn io_error(exception: Exception) -> io::Error {
    match exception.error().is::<Closed>() {
        true => closed(),
        false => exception.into(),
    }
}
