//! [`Polled`]: reading and writing a descriptor for which the hub's loop waits.

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;

use super::source::Source;
use super::way::{self, Opened, Way};
use crate::descriptor::Descriptor;
use crate::polls::Direction;

/// A descriptor, and the way to call the system that does not block.
pub(super) struct Polled {
    descriptor: Descriptor<Opened>,
    way: Cell<Way>,
}

impl Polled {
    pub(super) fn new(source: Source) -> io::Result<Polled> {
        let (way, own) = way::choose(source.as_fd())?;
        Ok(Polled {
            descriptor: Descriptor::new(Opened { source, own })?,
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
}
