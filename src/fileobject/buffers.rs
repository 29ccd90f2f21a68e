//! [`Buffers`]: what a file object has read ahead, and what it has still to write.

use std::rc::Rc;

/// The buffers of a file object.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) ahead: Ahead,
    pub(super) out: Vec<u8>,
}

/// What was read, and how much of it was taken.
#[derive(Default)]
pub(super) struct Ahead {
    data: Rc<Vec<u8>>,
    start: usize,
    end: usize,
}

impl Ahead {
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn left(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    /// Copies as much as there is and fits, and takes it.
    pub(super) fn copy_to(&mut self, buf: &mut [u8]) -> usize {
        let n = self.left().len().min(buf.len());
        buf[..n].copy_from_slice(&self.left()[..n]);
        self.take(n);
        n
    }

    pub(super) fn take(&mut self, amount: usize) {
        self.start += amount.min(self.end - self.start);
    }

    pub(super) fn clear(&mut self) {
        self.start = self.end;
    }

    /// Fills the empty buffer by `read`, which gets `size` bytes of place and returns how many it has filled.
    pub(super) fn fill<E>(
        &mut self,
        size: usize,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        debug_assert!(self.is_empty());
        (self.start, self.end) = (0, 0);
        if Rc::get_mut(&mut self.data).is_none() {
            // Somebody still looks at the last bytes.
            self.data = Rc::default();
        }
        let data = Rc::make_mut(&mut self.data);
        data.resize(size, 0);
        self.end = read(data)?;
        Ok(self.end)
    }

    /// Adds what another thread has read.
    pub(super) fn put(&mut self, data: Vec<u8>) {
        if self.is_empty() {
            (self.start, self.end) = (0, data.len());
            self.data = Rc::new(data);
            return;
        }
        let mut all = self.left().to_vec();
        all.extend_from_slice(&data);
        (self.start, self.end) = (0, all.len());
        self.data = Rc::new(all);
    }

    /// The bytes that are left, for somebody who looks at them without taking them.
    pub(super) fn lend(&self) -> Lent {
        Lent {
            data: self.data.clone(),
            start: self.start,
            end: self.end,
        }
    }
}

/// Bytes that somebody looks at. They stay as they are, whatever becomes of the buffer.
pub(super) struct Lent {
    data: Rc<Vec<u8>>,
    start: usize,
    end: usize,
}

impl Lent {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }
}
