//! [`Descriptor`]: a descriptor for which the hub's loop waits, of a file or a pipe. Source: `GreenFileDescriptorIO` in
//! gevent's `_fileobjectposix.py`.
//!
//! Sockets have more to wait for: see `socket/raw.rs`.

use std::cell::{OnceCell, RefCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::task::{Context, Poll};

use greenlet_core::Exception;
use hub::core::{Events, Io, Watcher};
use hub::{Hub, try_get_hub};

use crate::polls::{Direction, PolledObject, Polls};
use crate::socket::cancel_wait_ex as closed;

/// A descriptor, or what has one, with its two watchers. One greenlet at a time can wait in each direction, or tasks.
pub(crate) struct Descriptor<T> {
    // The watchers come before the descriptor, so that they are dropped first.
    read: OnceCell<Io>,
    write: OnceCell<Io>,
    /// None once it is closed. Shared with calls that are under way, so that its number is not reused before they end.
    opened: RefCell<Option<Rc<T>>>,
    hub: Hub,
    polls: Polls,
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
            polls: Polls::default(),
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
    pub(crate) fn retry<R>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            self.hub.give_turn().map_err(io_error)?;
            let opened = self.opened()?;
            match operation(&opened) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                result => return result,
            }
            drop(opened);
            self.park(direction).map_err(io_error)?;
        }
    }

    #[track_caller]
    fn park(&self, direction: Direction) -> Result<(), Exception> {
        // A task that has just read or written does not wait any more.
        self.stop_unless_awaited(direction);
        let watcher = self.watcher(direction)?;
        let is_open = || self.opened().map(|_| false).map_err(Exception::from);
        self.hub.wait_on_watcher_unless(watcher, None, is_open)
    }

    /// Calls `operation` for a task. If it fails with `WouldBlock`, the task is woken when it is worth while to poll
    /// again.
    pub(crate) fn poll<R>(
        self: &Rc<Self>,
        direction: Direction,
        cx: &Context<'_>,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(direction, cx, || operation(&*self.opened()?))
    }

    /// Closes the descriptor. [`Closed`] is thrown into greenlets that wait for it. The descriptor itself is given up
    /// after that, so that its number cannot be reused while the loop still watches it.
    pub(crate) fn close(&self) {
        let Some(opened) = self.opened.take() else {
            return;
        };
        // Tasks are woken last, as what they do is not known here.
        let _woken_last = self.stop_polls();
        let watchers: [Option<Watcher>; 2] = [&self.read, &self.write].map(|cell| cell.get().map(|io| (**io).clone()));
        // This fails only if the loop is destroyed, and then no greenlet waits any more.
        let hub = self.hub.clone();
        let close = move || close_watched(&hub, opened.closes(), opened);
        let _ = self
            .hub
            .cancel_waits_close_and_then(watchers.into_iter().flatten(), Closed, close);
    }
}

impl<T: Opened> PolledObject for Descriptor<T> {
    const KIND: &'static str = "descriptor";

    fn hub(&self) -> &Hub {
        &self.hub
    }

    fn polls(&self) -> &Polls {
        &self.polls
    }

    fn check_open(&self) -> io::Result<()> {
        self.opened().map(drop)
    }

    fn watcher(&self, direction: Direction) -> Result<&Io, Exception> {
        let (cell, events) = match direction {
            Direction::Read => (&self.read, Events::READ),
            Direction::Write => (&self.write, Events::WRITE),
        };
        match cell.get() {
            Some(watcher) => Ok(watcher),
            None => {
                let new = self.hub.loop_().io(self.opened()?.as_fd().as_raw_fd(), events)?;
                Ok(cell.get_or_init(|| new))
            }
        }
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
