//! [`Polled`]: reading and writing a descriptor for which the hub's loop waits.

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::{Context, Poll};

use rustix::net::Shutdown;

use super::source::Source;
use super::way::{self, Opened, Way};
use crate::descriptor::Descriptor;
use crate::polls::{Direction, PolledObject};

/// A descriptor, and the way to call the system that does not block.
pub(super) struct Polled {
    descriptor: Rc<Descriptor<Opened>>,
    way: Cell<Way>,
}

impl Polled {
    pub(super) fn new(source: Source) -> io::Result<Polled> {
        let (way, own) = way::choose(source.as_fd())?;
        Ok(Polled {
            descriptor: Rc::new(Descriptor::new(Opened { source, own })?),
            way: Cell::new(way),
        })
    }

    /// The descriptor, while it is open.
    pub(super) fn opened(&self) -> io::Result<Rc<Opened>> {
        self.descriptor.opened()
    }

    pub(super) fn close(&self) {
        self.descriptor.close();
    }

    /// Reads into the buffer that `place` calls it with, as soon as there is something to read. Between the tries
    /// nothing is borrowed. Without a buffer it does nothing.
    #[track_caller]
    pub(super) fn read(
        &self,
        mut place: impl FnMut(&mut dyn FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.descriptor.retry(Direction::Read, |fd| {
            place(&mut |buf| way::read(fd.as_fd(), &self.way, buf))
        })
    }

    /// As [`read`](Polled::read), for writing.
    #[track_caller]
    pub(super) fn write(
        &self,
        mut place: impl FnMut(&mut dyn FnMut(&[u8]) -> io::Result<usize>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.descriptor.retry(Direction::Write, |fd| {
            place(&mut |buf| way::write(fd.as_fd(), &self.way, buf))
        })
    }

    /// As [`read`](Polled::read), for a task: instead of waiting, it leaves the task's waker.
    pub(super) fn poll_read(
        &self,
        cx: &Context<'_>,
        mut place: impl FnMut(&mut dyn FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let is_all = Cell::new(false);
        let read = self.descriptor.poll(Direction::Read, cx, |fd| {
            place(&mut |buf| {
                let n = way::read(fd.as_fd(), &self.way, buf)?;
                is_all.set(0 < n && n < buf.len());
                Ok(n)
            })
        });
        if read.is_ready() {
            self.descriptor.polls().was_read(is_all.get());
        }
        read
    }

    /// As [`poll_read`](Polled::poll_read), for writing.
    pub(super) fn poll_write(
        &self,
        cx: &Context<'_>,
        mut place: impl FnMut(&mut dyn FnMut(&[u8]) -> io::Result<usize>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.descriptor.poll(Direction::Write, cx, |fd| {
            place(&mut |buf| way::write(fd.as_fd(), &self.way, buf))
        })
    }

    /// Wakes the task that waits to read, if any: somebody else has read ahead.
    pub(super) fn wake_reader(&self) {
        self.descriptor.wake_task(Direction::Read);
    }

    /// Stops to watch the descriptor for tasks. One that waits is woken.
    pub(super) fn stop_polls(&self) {
        drop(self.descriptor.stop_polls());
    }

    /// Ends the writing to a socket, whose other direction stays. Nothing else has an end of that kind.
    pub(super) fn shut_down(&self) -> io::Result<()> {
        let opened = self.opened()?;
        if self.way.get() != Way::Socket {
            return Ok(());
        }
        match rustix::net::shutdown(opened.as_fd(), Shutdown::Write) {
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
