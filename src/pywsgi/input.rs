//! [`Input`]: what has come from a client, and was not taken yet.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use super::buffers;
use super::environ::Facts;
use super::wire::Wire;

/// What has come from a client. It belongs to the connection, and to the [body](super::Body) of a request meanwhile.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) wire: Rc<Wire>,
    pub(super) facts: Rc<Facts>,
    /// Initialised in its whole length; empty while there is nothing in it.
    block: Vec<u8>,
    from: usize,
    to: usize,
}

/// Where an [`Input`] comes back to when the body that has it is dropped.
pub(super) type Home = Rc<Cell<Option<Box<Input>>>>;

impl Input {
    pub(super) fn new(wire: Rc<Wire>, facts: Rc<Facts>) -> Input {
        Input {
            wire,
            facts,
            block: Vec::new(),
            from: 0,
            to: 0,
        }
    }

    #[inline]
    pub(super) fn data(&self) -> &[u8] {
        &self.block[self.from..self.to]
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Drops the first `n` bytes, which are there.
    #[inline]
    pub(super) fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.to - self.from);
        self.from += n;
    }

    /// Reads more, behind what is there. Returns how much; 0 at the end.
    #[track_caller]
    pub(super) fn fill(&mut self) -> io::Result<usize> {
        if self.block.is_empty() {
            self.block = buffers::input();
        }
        if self.is_empty() {
            (self.from, self.to) = (0, 0);
        }
        if self.to == self.block.len() {
            match self.from {
                0 => self.block.resize(self.to * 2, 0),
                from => {
                    self.block.copy_within(from..self.to, 0);
                    (self.from, self.to) = (0, self.to - from);
                }
            }
        }
        let n = self.wire.read(&mut self.block[self.to..])?;
        self.to += n;
        Ok(n)
    }

    /// Gives the memory back, if there is nothing in it.
    pub(super) fn give_back(&mut self) {
        if self.is_empty() {
            (self.from, self.to) = (0, 0);
            buffers::give_back_input(std::mem::take(&mut self.block));
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        buffers::give_back_input(std::mem::take(&mut self.block));
    }
}
