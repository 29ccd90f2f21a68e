//! How a socket ends: shut down, closed, or its descriptor taken away, while greenlets may wait for it.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::rc::{Rc, Weak};

use hub::core::Watcher;

use super::{Direction, RawSocket, closed};
use crate::descriptor::close_watched;
use crate::polls::PolledObject;

impl RawSocket {
    /// Ends one or both directions of the connection. Greenlets and tasks that wait for one of them, at this descriptor
    /// or a copy, are woken and try again. They would not be woken by an event: a Unix socket that is shut down for
    /// writing while it is full has none.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket()?.shutdown(how)?;
        self.emptied.this_has_ended();
        let directions: &[Direction] = match how {
            Shutdown::Read => &[Direction::Read],
            Shutdown::Write => &[Direction::Write],
            Shutdown::Both => &[Direction::Read, Direction::Write],
        };
        match self.copies.get() {
            None => self.was_shut_down(directions),
            Some(copies) => {
                // Nothing is borrowed while tasks are woken.
                let copies: Vec<_> = copies.borrow().iter().filter_map(Weak::upgrade).collect();
                copies.iter().for_each(|raw| raw.was_shut_down(directions));
            }
        }
        Ok(())
    }

    fn was_shut_down(&self, directions: &[Direction]) {
        for direction in directions {
            self.shut_down[*direction as usize].set(true);
            self.wake(*direction);
        }
    }

    /// Wakes the greenlet or the task that waits in this direction, if any. It tries again what it does, unless it was
    /// [told to end](super::Limit::unless_told).
    pub(in crate::socket) fn wake(&self, direction: Direction) {
        let watcher = match direction {
            Direction::Read => self.read.get(),
            Direction::Write => self.write.get(),
        };
        if let Some(watcher) = watcher {
            // This fails only if the loop is destroyed, and then no greenlet waits any more.
            let _ = self.hub.end_wait(watcher);
            self.wake_task(direction);
        }
    }

    /// Closes the socket. [`Closed`] is thrown into greenlets that wait for it, and tasks are woken. The descriptor
    /// itself is closed after that, so that its number cannot be reused while the loop still watches it.
    pub(crate) fn close(&self) {
        let Some(socket) = self.socket.take() else {
            return;
        };
        self.emptied.this_has_ended();
        let hub = self.hub.clone();
        self.end_waits_and_then(move || close_watched(&hub, Some(socket.as_raw_fd()), socket));
    }

    /// Takes the descriptor away from this socket, as if it was closed. While somebody still uses the descriptor, its
    /// number must not go to others, so the caller gets another descriptor of the same socket.
    pub(in crate::socket) fn detach(&self) -> io::Result<socket2::Socket> {
        let socket = self.socket()?;
        let is_waited_for = self.watchers().any(|watcher| watcher.has_callback());
        // This handle and the socket's own.
        let another = (is_waited_for || Rc::strong_count(&socket) > 2).then(|| socket.try_clone());
        let another = another.transpose()?;
        drop(self.socket.take());
        match another {
            Some(another) => {
                self.end_waits_and_then(move || drop(socket));
                Ok(another)
            }
            None => {
                self.end_waits_and_then(|| ());
                Rc::try_unwrap(socket).map_err(|_| closed())
            }
        }
    }

    fn watchers(&self) -> impl Iterator<Item = Watcher> {
        let watchers = [self.read.get(), self.write.get()];
        watchers.into_iter().flatten().map(|io| (**io).clone())
    }

    /// Throws [`Closed`] into the greenlets that wait, and calls `then` when the loop does not watch the descriptor any
    /// more. Tasks that wait are woken last, as what they do is not known here.
    fn end_waits_and_then(&self, then: impl FnOnce() + 'static) {
        let _woken_last = self.stop_polls();
        // This fails only if the loop is destroyed, and then no greenlet waits any more.
        let _ = self.hub.cancel_waits_close_and_then(self.watchers(), Closed, then);
    }
}

/// The exception that is thrown into greenlets which wait for a socket that is closed; their calls fail with
/// [`closed`]. Only this module can throw it, so it cannot be taken for a kill.
#[derive(Debug, thiserror::Error)]
#[error("the socket was closed by another greenlet")]
pub(super) struct Closed;
